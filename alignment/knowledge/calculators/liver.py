"""Liver disease and bleeding from the gut."""

from __future__ import annotations

import math

from alignment.knowledge.calculators.registry import SEX, Choice, Quantity, calculator, flags, points, score

_BILIRUBIN = Quantity("bilirubin", "bilirubin", "mg/dL", 0.6, 18, 1)
_INR = Quantity("inr", "INR", "", 0.9, 3.2, 1)
_CREATININE = Quantity("creatinine", "creatinine", "mg/dL", 0.5, 5, 1)
_DIALYSIS = flags(dialysis="dialysis twice in the last week")


@calculator(
    "MELD",
    "",
    _BILIRUBIN,
    _INR,
    _CREATININE,
    *_DIALYSIS,
    formula="9.57 x ln(creatinine) + 3.78 x ln(bilirubin) + 11.2 x ln(INR) + 6.43; each at least 1, creatinine at most"
    " 4 and 4 on dialysis; 6 to 40",
    source="Kamath et al. 2001",
    decimals=0,
)
def meld(bilirubin: float, inr: float, creatinine: float, dialysis: bool) -> float:
    """Return the score before rounding, from bilirubin and creatinine in mg/dL."""
    creatinine = 4.0 if dialysis else min(max(creatinine, 1.0), 4.0)
    logs = 9.57 * math.log(creatinine) + 3.78 * math.log(max(bilirubin, 1.0)) + 11.2 * math.log(max(inr, 1.0))
    return min(max(logs + 6.43, 6.0), 40.0)


@calculator(
    "MELD-Na",
    "",
    _BILIRUBIN,
    _INR,
    _CREATININE,
    Quantity("sodium", "sodium", "mmol/L", 120, 142),
    *_DIALYSIS,
    formula="MELD + 1.32 x (137 - sodium) - 0.033 x MELD x (137 - sodium) where MELD is above 11; sodium from 125 to"
    " 137; 6 to 40",
    source="OPTN policy of 2016, after Kim et al. 2008",
    decimals=0,
)
def meld_na(bilirubin: float, inr: float, creatinine: float, sodium: float, dialysis: bool) -> float:
    """Return the score before rounding, from bilirubin and creatinine in mg/dL and sodium in mmol/L."""
    first = meld(bilirubin, inr, creatinine, dialysis)
    if first <= 11:
        return first
    lack = 137 - min(max(sodium, 125.0), 137.0)
    return min(max(first + 1.32 * lack - 0.033 * first * lack, 6.0), 40.0)


@score(
    "Child-Pugh",
    _BILIRUBIN,
    Quantity("albumin", "albumin", "g/dL", 2, 4.5, 1),
    _INR,
    Choice("ascites", "ascites", ("none", "mild", "moderate to severe")),
    Choice("encephalopathy", "encephalopathy", ("none", "grade 1 or 2", "grade 3 or 4")),
    formula="1, 2 or 3 for each of bilirubin (below 2, 2 to 3, above 3 mg/dL), albumin (above 3.5, 2.8 to 3.5, below"
    " 2.8 g/dL), INR (below 1.7, 1.7 to 2.3, above 2.3), ascites and encephalopathy",
    source="Pugh et al. 1973",
    bands={5: "class A", 7: "class B", 10: "class C"},
)
def child_pugh(bilirubin: float, albumin: float, inr: float, ascites: str, encephalopathy: str) -> float:
    """Return 5 to 15 points; bilirubin in mg/dL, albumin in g/dL."""
    steps = {"none": 0, "mild": 1, "moderate to severe": 2, "grade 1 or 2": 1, "grade 3 or 4": 2}
    measured = points(
        (1, bilirubin >= 2),
        (1, bilirubin > 3),
        (1, albumin <= 3.5),
        (1, albumin < 2.8),
        (1, inr >= 1.7),
        (1, inr > 2.3),
    )
    return 5 + measured + steps[ascites] + steps[encephalopathy]


@calculator(
    "FIB-4",
    "",
    Quantity("age", "age", "years", 35, 75),
    Quantity("ast", "AST", "U/L", 18, 180),
    Quantity("alt", "ALT", "U/L", 15, 180),
    Quantity("platelets", "platelets", "10^9/L", 70, 350),
    formula="age x AST / (platelets x sqrt(ALT))",
    source="Sterling et al. 2006",
    decimals=2,
    bands={0: "advanced fibrosis unlikely", 1.45: "indeterminate", 3.25: "advanced fibrosis likely"},
)
def fib_4(age: float, ast: float, alt: float, platelets: float) -> float:
    """Return the index from age in years, AST and ALT in U/L and platelets in 10^9/L."""
    return age * ast / (platelets * alt**0.5)


@calculator(
    "Maddrey discriminant function",
    "",
    Quantity("prothrombin_time", "prothrombin time", "s", 13, 30, 1),
    Quantity("control", "control prothrombin time", "s", 11, 13, 1),
    _BILIRUBIN,
    formula="4.6 x (prothrombin time - control) + bilirubin",
    source="Maddrey et al. 1978",
    bands={-1000: "not severe", 32: "severe alcoholic hepatitis"},
)
def maddrey(prothrombin_time: float, control: float, bilirubin: float) -> float:
    """Return the score from times in seconds and bilirubin in mg/dL."""
    return 4.6 * (prothrombin_time - control) + bilirubin


@score(
    "Glasgow-Blatchford",
    SEX,
    Quantity("urea_nitrogen", "blood urea nitrogen", "mg/dL", 8, 90),
    Quantity("haemoglobin", "haemoglobin", "g/dL", 6.5, 15, 1),
    Quantity("systolic", "systolic pressure", "mmHg", 75, 150),
    Quantity("rate", "heart rate", "beats/min", 60, 130),
    *flags(melaena="melaena", syncope="syncope", liver_disease="liver disease", heart_failure="heart failure"),
    formula="urea nitrogen 18.2, 22.4, 28, 70 mg/dL: 2, 3, 4, 6; haemoglobin below 13, 12, 10 g/dL: 1, 3, 6 in men,"
    " below 12, 10: 1, 6 in women; systolic below 110, 100, 90: 1, 2, 3; rate 100 or more and melaena 1 each; syncope,"
    " liver disease and heart failure 2 each",
    source="Blatchford et al. 2000",
    bands={0: "very low risk: outpatient care", 1: "not very low risk"},
)
def glasgow_blatchford(
    sex: str,
    urea_nitrogen: float,
    haemoglobin: float,
    systolic: float,
    rate: float,
    melaena: bool,
    syncope: bool,
    liver_disease: bool,
    heart_failure: bool,
) -> float:
    """Return 0 to 23 points; urea nitrogen in mg/dL, haemoglobin in g/dL, pressure in mmHg."""
    male = sex == "male"
    return points(
        *((2 if limit == 18.2 else 1, urea_nitrogen >= limit) for limit in (18.2, 22.4, 28)),
        (2, urea_nitrogen >= 70),
        (1, haemoglobin < (13 if male else 12)),
        (2, male and haemoglobin < 12),
        (3 if male else 5, haemoglobin < 10),
        *((1, systolic < limit) for limit in (110, 100, 90)),
        (1, rate >= 100),
        (1, melaena),
        (2, syncope),
        (2, liver_disease),
        (2, heart_failure),
    )
