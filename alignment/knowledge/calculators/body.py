"""Size, fluids, coma, newborns, and doses that are worth each other."""

from __future__ import annotations

from alignment.knowledge.calculators.registry import SEX, Choice, Quantity, calculator, score

_WEIGHT = Quantity("weight", "weight", "kg", 45, 130)
_HEIGHT = Quantity("height", "height", "cm", 150, 195)
_GENERAL = "general knowledge, unverified"


@calculator(
    "body mass index",
    "kg/m2",
    _WEIGHT,
    _HEIGHT,
    formula="weight / height^2, in kg and m",
    source=_GENERAL,
    bands={0: "underweight", 18.5: "normal weight", 25: "overweight", 30: "obesity"},
)
def body_mass_index(weight: float, height: float) -> float:
    """Return kg/m2 from weight in kg and height in cm."""
    return weight / (height / 100) ** 2


@calculator(
    "body surface area",
    "m2",
    _WEIGHT,
    _HEIGHT,
    formula="sqrt(weight x height / 3600)",
    source="Mosteller 1987",
    decimals=2,
)
def body_surface_area(weight: float, height: float) -> float:
    """Return m2 from weight in kg and height in cm."""
    return (weight * height / 3600) ** 0.5


@calculator(
    "ideal body weight",
    "kg",
    SEX,
    _HEIGHT,
    formula="50 kg in men or 45.5 kg in women + 2.3 kg for every inch above 60",
    source="Devine 1974",
)
def ideal_body_weight(sex: str, height: float) -> float:
    """Return kg from height in cm."""
    return (45.5 if sex == "female" else 50.0) + 2.3 * (height / 2.54 - 60)


@calculator(
    "adjusted body weight",
    "kg",
    SEX,
    Quantity("weight", "weight", "kg", 85, 150),
    _HEIGHT,
    formula="ideal + 0.4 x (weight - ideal)",
    source=_GENERAL,
)
def adjusted_body_weight(sex: str, weight: float, height: float) -> float:
    """Return kg from weight in kg and height in cm."""
    ideal = ideal_body_weight(sex, height)
    return ideal + 0.4 * (weight - ideal)


@calculator(
    "maintenance fluid rate",
    "mL/h",
    Quantity("weight", "weight", "kg", 4, 80),
    formula="4 mL/kg for the first 10 kg, 2 for the next 10, 1 beyond",
    source="Holliday and Segar 1957",
    decimals=0,
)
def maintenance_fluids(weight: float) -> float:
    """Return mL/h from weight in kg: the rule of 100, 50 and 20 mL/kg a day as it is used by the hour."""
    return 4 * min(weight, 10) + 2 * min(max(weight - 10, 0), 10) + max(weight - 20, 0)


_EYES = ("none", "to pain", "to speech", "spontaneous")
_VERBAL = ("none", "sounds", "words", "confused", "oriented")
_MOTOR = ("none", "extension", "abnormal flexion", "withdrawal", "localises pain", "obeys commands")


@score(
    "Glasgow coma scale",
    Choice("eyes", "eye opening", _EYES),
    Choice("verbal", "verbal response", _VERBAL),
    Choice("motor", "motor response", _MOTOR),
    formula="eye opening 1 to 4 + verbal response 1 to 5 + motor response 1 to 6",
    source="Teasdale and Jennett 1974; the motor scale of six followed later",
    bands={3: "severe", 9: "moderate", 13: "mild"},
)
def glasgow_coma_scale(eyes: str, verbal: str, motor: str) -> float:
    """Return 3 to 15 points."""
    return 3 + _EYES.index(eyes) + _VERBAL.index(verbal) + _MOTOR.index(motor)


_PULSE = ("absent", "below 100", "100 or more")
_BREATHING = ("absent", "weak or irregular", "good cry")
_TONE = ("limp", "some flexion", "active")
_REFLEX = ("no response", "grimace", "cough or cry")
_COLOUR = ("pale or blue", "blue limbs", "pink")


@score(
    "Apgar",
    Choice("pulse", "heart rate", _PULSE),
    Choice("breathing", "breathing", _BREATHING),
    Choice("tone", "muscle tone", _TONE),
    Choice("reflex", "reflex response", _REFLEX),
    Choice("colour", "colour", _COLOUR),
    formula="0, 1 or 2 for each",
    source="Apgar 1953",
    bands={0: "low", 4: "moderately low", 7: "reassuring"},
)
def apgar(pulse: str, breathing: str, tone: str, reflex: str, colour: str) -> float:
    """Return 0 to 10 points."""
    scales = ((_PULSE, pulse), (_BREATHING, breathing), (_TONE, tone), (_REFLEX, reflex), (_COLOUR, colour))
    return sum(scale.index(found) for scale, found in scales)


# Milligrams with the effect of 20 mg of hydrocortisone.
_STEROIDS = {
    "hydrocortisone": 20.0,
    "prednisone": 5.0,
    "prednisolone": 5.0,
    "methylprednisolone": 4.0,
    "dexamethasone": 0.75,
}


@calculator(
    "equivalent glucocorticoid dose",
    "mg",
    Choice("given", "steroid given", tuple(_STEROIDS)),
    Quantity("dose", "dose", "mg", 5, 100),
    Choice("wanted", "steroid wanted", tuple(_STEROIDS)),
    formula="hydrocortisone 20 mg = prednisone or prednisolone 5 mg = methylprednisolone 4 mg = dexamethasone 0.75 mg",
    source=_GENERAL,
    decimals=2,
)
def steroid_dose(dose: float, **steroids: str) -> float:
    """Return mg of the steroid `wanted` that have the effect of `dose` mg of the one `given`."""
    return dose * _STEROIDS[steroids["wanted"]] / _STEROIDS[steroids["given"]]


# Milligrams of oral morphine worth one milligram.
_OPIOIDS = {
    "codeine": 0.15,
    "tramadol": 0.2,
    "hydrocodone": 1.0,
    "morphine": 1.0,
    "oxycodone": 1.5,
    "oxymorphone": 3.0,
    "methadone": 4.7,
    "hydromorphone": 5.0,
}


@calculator(
    "morphine milligram equivalents",
    "mg/day",
    Choice("opioid", "opioid", tuple(_OPIOIDS)),
    Quantity("dose", "daily oral dose", "mg", 4, 120),
    formula="dose x factor: codeine 0.15, tramadol 0.2, hydrocodone and morphine 1, oxycodone 1.5, oxymorphone 3,"
    " methadone 4.7, hydromorphone 5",
    source="CDC Clinical Practice Guideline for Prescribing Opioids for Pain 2022",
    bands={0: "below 50", 50: "50 or more: reassess benefit and risk"},
)
def morphine_equivalents(opioid: str, dose: float) -> float:
    """Return mg of oral morphine a day from a daily oral dose in mg."""
    return dose * _OPIOIDS[opioid]
