"""Electrolytes, acid and base, lipids and glucose."""

from __future__ import annotations

from alignment.knowledge.calculators.registry import Quantity, calculator

_SODIUM = Quantity("sodium", "sodium", "mmol/L", 125, 155)
_CHLORIDE = Quantity("chloride", "chloride", "mmol/L", 88, 112)
_BICARBONATE = Quantity("bicarbonate", "bicarbonate", "mmol/L", 6, 22)
_ALBUMIN = Quantity("albumin", "albumin", "g/dL", 1.5, 4.5, 1)
_GLUCOSE = Quantity("glucose", "glucose", "mg/dL", 60, 600)
_GENERAL = "general knowledge, unverified"


@calculator(
    "corrected calcium",
    "mg/dL",
    Quantity("calcium", "total calcium", "mg/dL", 6.5, 13, 1),
    _ALBUMIN,
    formula="calcium + 0.8 x (4 - albumin)",
    source="Payne et al. 1973",
    bands={0: "low", 8.5: "normal", 10.6: "high"},
)
def corrected_calcium(calcium: float, albumin: float) -> float:
    """Return mg/dL from total calcium in mg/dL and albumin in g/dL, for a normal albumin of 4 g/dL."""
    return calcium + 0.8 * (4 - albumin)


@calculator(
    "anion gap",
    "mmol/L",
    _SODIUM,
    _CHLORIDE,
    _BICARBONATE,
    formula="sodium - chloride - bicarbonate",
    source=_GENERAL,
    decimals=0,
    bands={-100: "low", 4: "normal", 13: "high"},
)
def anion_gap(sodium: float, chloride: float, bicarbonate: float) -> float:
    """Return mmol/L from sodium, chloride and bicarbonate in mmol/L, without potassium; normal is 4 to 12."""
    return sodium - chloride - bicarbonate


@calculator(
    "albumin-corrected anion gap",
    "mmol/L",
    _SODIUM,
    _CHLORIDE,
    _BICARBONATE,
    _ALBUMIN,
    formula="anion gap + 2.5 x (4 - albumin)",
    source="Figge et al. 1998",
)
def corrected_anion_gap(sodium: float, chloride: float, bicarbonate: float, albumin: float) -> float:
    """Return mmol/L from electrolytes in mmol/L and albumin in g/dL."""
    return anion_gap(sodium, chloride, bicarbonate) + 2.5 * (4 - albumin)


@calculator(
    "delta ratio",
    "",
    _SODIUM,
    _CHLORIDE,
    _BICARBONATE,
    formula="(anion gap - 12) / (24 - bicarbonate)",
    source=_GENERAL,
    decimals=2,
)
def delta_ratio(sodium: float, chloride: float, bicarbonate: float) -> float:
    """Return the ratio of the rise of the anion gap to the fall of bicarbonate, all in mmol/L.

    Raises:
      ZeroDivisionError: bicarbonate is exactly 24.
    """
    return (anion_gap(sodium, chloride, bicarbonate) - 12) / (24 - bicarbonate)


@calculator(
    "serum osmolality",
    "mOsm/kg",
    _SODIUM,
    _GLUCOSE,
    Quantity("urea_nitrogen", "blood urea nitrogen", "mg/dL", 8, 90),
    formula="2 x sodium + glucose / 18 + urea nitrogen / 2.8",
    source=_GENERAL,
    decimals=0,
    bands={0: "low", 275: "normal", 296: "high"},
)
def serum_osmolality(sodium: float, glucose: float, urea_nitrogen: float) -> float:
    """Return mOsm/kg from sodium in mmol/L, glucose and urea nitrogen in mg/dL."""
    return 2 * sodium + glucose / 18 + urea_nitrogen / 2.8


@calculator(
    "sodium corrected for glucose",
    "mmol/L",
    Quantity("sodium", "sodium", "mmol/L", 118, 140),
    Quantity("glucose", "glucose", "mg/dL", 250, 900),
    formula="sodium + 2.4 x (glucose - 100) / 100",
    source="Hillier et al. 1999",
)
def corrected_sodium(sodium: float, glucose: float) -> float:
    """Return mmol/L from sodium in mmol/L and glucose in mg/dL."""
    return sodium + 2.4 * (glucose - 100) / 100


@calculator(
    "LDL cholesterol",
    "mg/dL",
    Quantity("total", "total cholesterol", "mg/dL", 150, 320),
    Quantity("hdl", "HDL cholesterol", "mg/dL", 28, 80),
    Quantity("triglycerides", "triglycerides", "mg/dL", 60, 350),
    formula="total - HDL - triglycerides / 5",
    source="Friedewald et al. 1972",
    decimals=0,
)
def ldl_cholesterol(total: float, hdl: float, triglycerides: float) -> float:
    """Return mg/dL from fasting lipids in mg/dL.

    Raises:
      ValueError: triglycerides of 400 mg/dL or more, where the formula does not hold.
    """
    if triglycerides >= 400:
        raise ValueError("triglycerides are 400 mg/dL or more")
    return total - hdl - triglycerides / 5


@calculator(
    "HOMA-IR",
    "",
    Quantity("insulin", "fasting insulin", "microU/mL", 3, 40, 1),
    Quantity("glucose", "fasting glucose", "mg/dL", 70, 220),
    formula="insulin x glucose / 405",
    source="Matthews et al. 1985",
    decimals=2,
)
def homa_ir(insulin: float, glucose: float) -> float:
    """Return the index from fasting insulin in microU/mL and glucose in mg/dL."""
    return insulin * glucose / 405


@calculator(
    "alveolar-arterial oxygen gradient",
    "mmHg",
    Quantity("fio2", "inspired oxygen", "%", 21, 60),
    Quantity("paco2", "arterial carbon dioxide", "mmHg", 25, 50),
    Quantity("pao2", "arterial oxygen", "mmHg", 45, 78),
    formula="inspired oxygen / 100 x (760 - 47) - carbon dioxide / 0.8 - arterial oxygen",
    source=_GENERAL,
    decimals=0,
)
def oxygen_gradient(fio2: float, paco2: float, pao2: float) -> float:
    """Return mmHg at sea level from inspired oxygen in percent and arterial pressures in mmHg."""
    return fio2 / 100 * (760 - 47) - paco2 / 0.8 - pao2


@calculator(
    "expected carbon dioxide in metabolic acidosis",
    "mmHg",
    _BICARBONATE,
    formula="1.5 x bicarbonate + 8",
    source="Albert et al. 1967",
    decimals=0,
)
def winters(bicarbonate: float) -> float:
    """Return the carbon dioxide in mmHg that compensation should reach, from bicarbonate in mmol/L; plus or minus 2."""
    return 1.5 * bicarbonate + 8
