"""Pressure, QT interval, and scores of heart and vessels."""

from __future__ import annotations

from alignment.knowledge.calculators.registry import SEX, Choice, Quantity, calculator, flags, points, score

_QT = Quantity("qt", "QT interval", "ms", 320, 480)
_RATE = Quantity("rate", "heart rate", "beats/min", 50, 120)
_AGE = Quantity("age", "age", "years", 25, 92)
_GENERAL = "general knowledge, unverified"


@calculator(
    "mean arterial pressure",
    "mmHg",
    Quantity("systolic", "systolic pressure", "mmHg", 100, 190),
    Quantity("diastolic", "diastolic pressure", "mmHg", 45, 95),
    formula="(systolic + 2 x diastolic) / 3",
    source=_GENERAL,
    decimals=0,
)
def mean_arterial_pressure(systolic: float, diastolic: float) -> float:
    """Return mmHg from systolic and diastolic pressure in mmHg."""
    return (systolic + 2 * diastolic) / 3


@calculator("QTc by Bazett", "ms", _QT, _RATE, formula="QT / sqrt(60 / rate)", source="Bazett 1920", decimals=0)
def qtc_bazett(qt: float, rate: float) -> float:
    """Return ms from the QT interval in ms and the rate in beats/min."""
    return qt / (60 / rate) ** 0.5


@calculator(
    "QTc by Fridericia", "ms", _QT, _RATE, formula="QT / cube root of (60 / rate)", source="Fridericia 1920", decimals=0
)
def qtc_fridericia(qt: float, rate: float) -> float:
    """Return ms from the QT interval in ms and the rate in beats/min."""
    return qt / (60 / rate) ** (1 / 3)


@calculator(
    "QTc by Framingham", "ms", _QT, _RATE, formula="QT + 154 x (1 - 60 / rate)", source="Sagie et al. 1992", decimals=0
)
def qtc_framingham(qt: float, rate: float) -> float:
    """Return ms from the QT interval in ms and the rate in beats/min."""
    return qt + 154 * (1 - 60 / rate)


@calculator(
    "QTc by Hodges", "ms", _QT, _RATE, formula="QT + 1.75 x (rate - 60)", source="Hodges et al. 1983", decimals=0
)
def qtc_hodges(qt: float, rate: float) -> float:
    """Return ms from the QT interval in ms and the rate in beats/min."""
    return qt + 1.75 * (rate - 60)


@score(
    "CHA2DS2-VASc",
    SEX,
    _AGE,
    *flags(
        heart_failure="heart failure",
        hypertension="hypertension",
        diabetes="diabetes",
        stroke="past stroke, TIA or embolism",
        vascular_disease="vascular disease",
    ),
    formula="1 each for heart failure, hypertension, diabetes, vascular disease, age 65 to 74 and female sex; 2 each"
    " for age 75 or more and past stroke",
    source="Lip et al. 2010",
    bands={0: "low risk of stroke", 1: "intermediate risk of stroke", 2: "high risk of stroke"},
)
def cha2ds2_vasc(
    sex: str,
    age: float,
    heart_failure: bool,
    hypertension: bool,
    diabetes: bool,
    stroke: bool,
    vascular_disease: bool,
) -> float:
    """Return 0 to 9 points; age in years."""
    return points(
        (1, heart_failure),
        (1, hypertension),
        (2, age >= 75),
        (1, 65 <= age < 75),
        (1, diabetes),
        (2, stroke),
        (1, vascular_disease),
        (1, sex == "female"),
    )


@score(
    "HAS-BLED",
    _AGE,
    *flags(
        hypertension="systolic pressure above 160",
        kidney_disease="dialysis, transplant or creatinine above 2.26 mg/dL",
        liver_disease="cirrhosis or grossly raised liver tests",
        stroke="past stroke",
        bleeding="past major bleeding or a tendency to bleed",
        labile_inr="labile INR",
        drugs="antiplatelets or NSAIDs",
        alcohol="eight or more drinks a week",
    ),
    formula="1 for each of the eight and for age above 65",
    source="Pisters et al. 2010",
    bands={0: "low risk of bleeding", 2: "moderate risk of bleeding", 3: "high risk of bleeding"},
)
def has_bled(age: float, **present: bool) -> float:
    """Return 0 to 9 points; age in years."""
    return points((1, age > 65), *((1, there) for there in present.values()))


@score(
    "HEART",
    _AGE,
    Choice("history", "history", ("slightly suspicious", "moderately suspicious", "highly suspicious")),
    Choice("ecg", "ECG", ("normal", "nonspecific repolarisation change", "significant ST deviation")),
    Choice("risk_factors", "risk factors", ("none", "one or two", "three or more, or known atherosclerosis")),
    Choice("troponin", "troponin", ("normal", "one to three times the limit", "above three times the limit")),
    formula="0, 1 or 2 for each of history, ECG, age (below 45, 45 to 64, 65 or more), risk factors and troponin",
    source="Six et al. 2008",
    bands={0: "low risk", 4: "moderate risk", 7: "high risk"},
)
def heart_score(age: float, history: str, ecg: str, risk_factors: str, troponin: str) -> float:
    """Return 0 to 10 points; age in years."""
    steps = {
        "slightly suspicious": 0,
        "moderately suspicious": 1,
        "highly suspicious": 2,
        "normal": 0,
        "nonspecific repolarisation change": 1,
        "significant ST deviation": 2,
        "none": 0,
        "one or two": 1,
        "three or more, or known atherosclerosis": 2,
        "one to three times the limit": 1,
        "above three times the limit": 2,
    }
    return points((1, age >= 45), (1, age >= 65)) + sum(steps[part] for part in (history, ecg, risk_factors, troponin))


@score(
    "revised cardiac risk index",
    *flags(
        high_risk_surgery="intraperitoneal, intrathoracic or suprainguinal vascular surgery",
        ischaemic_heart_disease="ischaemic heart disease",
        heart_failure="heart failure",
        cerebrovascular_disease="past stroke or TIA",
        insulin="insulin before surgery",
    ),
    Quantity("creatinine", "creatinine", "mg/dL", 0.6, 3.5, 1),
    formula="1 for each of the five and for creatinine above 2 mg/dL",
    source="Lee et al. 1999",
    bands={0: "class I", 1: "class II", 2: "class III", 3: "class IV"},
)
def revised_cardiac_risk(creatinine: float, **present: bool) -> float:
    """Return 0 to 6 points; creatinine in mg/dL."""
    return points((1, creatinine > 2), *((1, there) for there in present.values()))


@score(
    "Wells score for pulmonary embolism",
    *flags(
        dvt_signs="clinical signs of deep vein thrombosis",
        most_likely="pulmonary embolism is the likeliest diagnosis",
        immobile="surgery in four weeks or immobilisation for three days",
        past_clot="past deep vein thrombosis or pulmonary embolism",
        haemoptysis="haemoptysis",
        cancer="active cancer",
    ),
    _RATE,
    formula="3 each for signs of thrombosis and likeliest diagnosis; 1.5 each for rate above 100, immobility and past"
    " thrombosis; 1 each for haemoptysis and cancer",
    source="Wells et al. 2000",
    bands={0: "pulmonary embolism unlikely", 4.5: "pulmonary embolism likely"},
    decimals=1,
)
def wells_pe(
    dvt_signs: bool, most_likely: bool, immobile: bool, past_clot: bool, haemoptysis: bool, cancer: bool, rate: float
) -> float:
    """Return 0 to 12.5 points; rate in beats/min; more than 4 makes embolism likely."""
    return points(
        (3, dvt_signs),
        (3, most_likely),
        (1.5, rate > 100),
        (1.5, immobile),
        (1.5, past_clot),
        (1, haemoptysis),
        (1, cancer),
    )


@score(
    "Wells score for deep vein thrombosis",
    *flags(
        cancer="active cancer",
        paralysis="paralysis or plaster of a leg",
        bedridden="in bed for three days or major surgery within twelve weeks",
        tenderness="tenderness along the deep veins",
        whole_leg="whole leg swollen",
        calf="calf more than 3 cm thicker than the other",
        pitting="pitting oedema of that leg only",
        collaterals="collateral superficial veins",
        past_clot="past deep vein thrombosis",
        alternative="another diagnosis at least as likely",
    ),
    formula="1 for each of the nine, minus 2 for another diagnosis at least as likely",
    source="Wells et al. 2003",
    bands={-2: "thrombosis unlikely", 2: "thrombosis likely"},
)
def wells_dvt(alternative: bool, **present: bool) -> float:
    """Return -2 to 9 points."""
    return points((-2, alternative), *((1, there) for there in present.values()))


@score(
    "PERC",
    _AGE,
    _RATE,
    Quantity("saturation", "oxygen saturation", "%", 88, 100),
    *flags(
        leg_swelling="one leg swollen",
        haemoptysis="haemoptysis",
        surgery="surgery or trauma within four weeks",
        past_clot="past deep vein thrombosis or pulmonary embolism",
        hormones="oestrogen use",
    ),
    formula="1 for each of the five, age 50 or more, rate 100 or more and saturation below 95 %",
    source="Kline et al. 2004",
    bands={0: "rules embolism out at low pretest probability", 1: "does not rule embolism out"},
)
def perc(age: float, rate: float, saturation: float, **present: bool) -> float:
    """Return the number of criteria met, 0 to 8; age in years, rate in beats/min, saturation in percent."""
    return points((1, age >= 50), (1, rate >= 100), (1, saturation < 95), *((1, there) for there in present.values()))
