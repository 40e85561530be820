"""Kidney function and water."""

from __future__ import annotations

from alignment.knowledge.calculators.registry import SEX, Quantity, calculator

_AGE = Quantity("age", "age", "years", 18, 90)
_CREATININE = Quantity("creatinine", "serum creatinine", "mg/dL", 0.5, 4.5, 1)
_SODIUM = Quantity("sodium", "serum sodium", "mmol/L", 120, 160)
_STAGES = {0: "G5", 15: "G4", 30: "G3b", 45: "G3a", 60: "G2", 90: "G1"}


@calculator(
    "creatinine clearance",
    "mL/min",
    SEX,
    _AGE,
    Quantity("weight", "weight", "kg", 45, 110),
    _CREATININE,
    formula="(140 - age) x weight / (72 x creatinine), x 0.85 in women",
    source="Cockcroft and Gault 1976",
    decimals=0,
)
def creatinine_clearance(sex: str, age: float, weight: float, creatinine: float) -> float:
    """Return mL/min from age in years, weight in kg and creatinine in mg/dL; which weight to take is the caller's."""
    return (140 - age) * weight / (72 * creatinine) * (0.85 if sex == "female" else 1.0)


@calculator(
    "eGFR by CKD-EPI 2021",
    "mL/min/1.73 m2",
    SEX,
    _AGE,
    _CREATININE,
    formula="142 x min(cr/k, 1)^a x max(cr/k, 1)^-1.2 x 0.9938^age, x 1.012 in women; k 0.7 and a -0.241 in women,"
    " 0.9 and -0.302 in men",
    source="Inker et al. 2021",
    decimals=0,
    bands=_STAGES,
)
def egfr_ckd_epi(sex: str, age: float, creatinine: float) -> float:
    """Return mL/min/1.73 m2 from age in years and creatinine in mg/dL."""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == "female" else (0.9, -0.302, 1.0)
    ratio = creatinine / kappa
    return 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age * factor


@calculator(
    "eGFR by MDRD",
    "mL/min/1.73 m2",
    SEX,
    _AGE,
    _CREATININE,
    formula="175 x creatinine^-1.154 x age^-0.203, x 0.742 in women",
    source="Levey et al. 2006",
    decimals=0,
    bands=_STAGES,
)
def egfr_mdrd(sex: str, age: float, creatinine: float) -> float:
    """Return mL/min/1.73 m2 from age in years and creatinine in mg/dL, without the factor for race."""
    return 175 * creatinine**-1.154 * age**-0.203 * (0.742 if sex == "female" else 1.0)


@calculator(
    "fractional excretion of sodium",
    "%",
    _SODIUM,
    _CREATININE,
    Quantity("urine_sodium", "urine sodium", "mmol/L", 5, 90),
    Quantity("urine_creatinine", "urine creatinine", "mg/dL", 20, 200),
    formula="100 x urine sodium x creatinine / (sodium x urine creatinine)",
    source="Espinel 1976",
    decimals=2,
    bands={0: "prerenal", 1: "indeterminate", 2: "intrinsic renal"},
)
def fractional_excretion_of_sodium(
    sodium: float, creatinine: float, urine_sodium: float, urine_creatinine: float
) -> float:
    """Return percent; sodium in mmol/L and creatinine in mg/dL, each in serum and urine."""
    return 100 * urine_sodium * creatinine / (sodium * urine_creatinine)


@calculator(
    "free water deficit",
    "L",
    SEX,
    _AGE,
    Quantity("weight", "weight", "kg", 45, 110),
    Quantity("sodium", "serum sodium", "mmol/L", 146, 170),
    formula="share of water x weight x (sodium / 140 - 1); the share is 0.6 in children and men, 0.5 in women and in"
    " men from 65, 0.45 in women from 65",
    source="general knowledge, unverified",
)
def free_water_deficit(sex: str, age: float, weight: float, sodium: float) -> float:
    """Return litres from age in years, weight in kg and sodium in mmol/L; negative where sodium is below 140."""
    if age < 18:
        share = 0.6
    else:
        share = (0.5 if sex == "female" else 0.6) - (0.0 if age < 65 else 0.05 if sex == "female" else 0.1)
    return share * weight * (sodium / 140 - 1)
