"""Severity of infection, and sore throats."""

from __future__ import annotations

from alignment.knowledge.calculators.registry import Quantity, flags, points, score

_BREATHS = Quantity("respiratory_rate", "respiratory rate", "breaths/min", 12, 38)
_SYSTOLIC = Quantity("systolic", "systolic pressure", "mmHg", 75, 150)
_TEMPERATURE = Quantity("temperature", "temperature", "C", 35, 40.5, 1)


@score(
    "CURB-65",
    *flags(confusion="new confusion"),
    Quantity("urea_nitrogen", "blood urea nitrogen", "mg/dL", 8, 60),
    _BREATHS,
    _SYSTOLIC,
    Quantity("diastolic", "diastolic pressure", "mmHg", 45, 70),
    Quantity("age", "age", "years", 20, 92),
    formula="1 each for confusion, urea nitrogen above 19 mg/dL, 30 or more breaths/min, systolic below 90 or diastolic"
    " 60 or less, and age 65 or more",
    source="Lim et al. 2003",
    bands={0: "low risk: treat at home", 2: "intermediate risk: consider hospital", 3: "severe: admit urgently"},
)
def curb_65(
    confusion: bool, urea_nitrogen: float, respiratory_rate: float, systolic: float, diastolic: float, age: float
) -> float:
    """Return 0 to 5 points; urea nitrogen in mg/dL (19 is a urea of 7 mmol/L), pressures in mmHg, age in years."""
    return points(
        (1, confusion),
        (1, urea_nitrogen > 19),
        (1, respiratory_rate >= 30),
        (1, systolic < 90 or diastolic <= 60),
        (1, age >= 65),
    )


@score(
    "SIRS criteria",
    _TEMPERATURE,
    Quantity("rate", "heart rate", "beats/min", 60, 140),
    _BREATHS,
    Quantity("white_cells", "white cells", "10^9/L", 2, 20, 1),
    formula="1 each for temperature above 38 or below 36 C, rate above 90, more than 20 breaths/min, and white cells"
    " above 12 or below 4",
    source="Bone et al. 1992",
    bands={0: "criteria not met", 2: "systemic inflammatory response"},
)
def sirs(temperature: float, rate: float, respiratory_rate: float, white_cells: float) -> float:
    """Return 0 to 4 criteria; temperature in C, white cells in 10^9/L; without the criteria of blood gas and bands."""
    return points(
        (1, temperature > 38 or temperature < 36),
        (1, rate > 90),
        (1, respiratory_rate > 20),
        (1, white_cells > 12 or white_cells < 4),
    )


@score(
    "qSOFA",
    _BREATHS,
    _SYSTOLIC,
    *flags(altered_mentation="altered mentation"),
    formula="1 each for 22 or more breaths/min, systolic 100 or less, and altered mentation",
    source="Singer et al. 2016",
    bands={0: "low risk", 2: "high risk of a poor outcome"},
)
def qsofa(respiratory_rate: float, systolic: float, altered_mentation: bool) -> float:
    """Return 0 to 3 points; systolic pressure in mmHg."""
    return points((1, respiratory_rate >= 22), (1, systolic <= 100), (1, altered_mentation))


@score(
    "Centor score as modified by McIsaac",
    Quantity("age", "age", "years", 4, 70),
    _TEMPERATURE,
    *flags(
        cough="cough",
        nodes="tender anterior cervical nodes",
        exudate="tonsillar swelling or exudate",
    ),
    formula="1 each for temperature above 38 C, no cough, nodes and exudate; 1 more below 15 years, 1 less from 45",
    source="McIsaac et al. 1998",
    bands={-1: "no test or antibiotic", 2: "test for streptococci", 4: "treatment may be started"},
)
def centor(age: float, temperature: float, cough: bool, nodes: bool, exudate: bool) -> float:
    """Return -1 to 5 points; age in years, temperature in C."""
    return points((1, temperature > 38), (1, not cough), (1, nodes), (1, exudate), (1, age < 15), (-1, age >= 45))


@score(
    "FeverPAIN",
    *flags(
        fever="fever in the last day",
        purulence="pus on the tonsils",
        rapid="seen within three days of onset",
        inflamed="severely inflamed tonsils",
        no_cough="no cough or cold",
    ),
    formula="1 for each",
    source="Little et al. 2013",
    bands={0: "no antibiotic", 2: "delayed antibiotic", 4: "antibiotic at once or delayed"},
)
def fever_pain(**present: bool) -> float:
    """Return 0 to 5 points."""
    return points(*((1, there) for there in present.values()))
