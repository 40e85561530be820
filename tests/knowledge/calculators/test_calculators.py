"""Every calculator on values worked by hand, its bounds, directions and refusals."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.knowledge.calculators import CALCULATORS, draw, evaluate
from alignment.knowledge.calculators.registry import Choice, Flag, Quantity, calculator

GENERAL = "general knowledge, unverified"

# Worked with pencil and paper; the sum stands behind each.
WORKED = [
    # (140 - 60) * 72 / (72 * 1.0) = 80, in women 80 * 0.85 = 68
    ("creatinine clearance", dict(sex="male", age=60, weight=72, creatinine=1.0), 80),
    ("creatinine clearance", dict(sex="female", age=60, weight=72, creatinine=1.0), 68),
    # creatinine is exactly k: 142 * 0.9938^0 = 142 in men; 142 * 1.012 = 143.704 in women (a newborn, for the sum)
    ("eGFR by CKD-EPI 2021", dict(sex="male", age=1e-9, creatinine=0.9), 142),
    ("eGFR by CKD-EPI 2021", dict(sex="female", age=1e-9, creatinine=0.7), 143.704),
    # 175 * 1 * 1 * 0.742
    ("eGFR by MDRD", dict(sex="female", age=1, creatinine=1.0), 129.85),
    # 100 * 20 * 2 / (140 * 100) = 4000 / 14000
    (
        "fractional excretion of sodium",
        dict(sodium=140, creatinine=2, urine_sodium=20, urine_creatinine=100),
        100 * 2 / 700,
    ),
    # 0.6 * 70 * (154 / 140 - 1) = 42 * 0.1; women from 65: 0.45 * 70 * 0.1; men from 65: 0.5 * 70 * 0.1
    ("free water deficit", dict(sex="male", age=40, weight=70, sodium=154), 4.2),
    ("free water deficit", dict(sex="female", age=70, weight=70, sodium=154), 3.15),
    ("free water deficit", dict(sex="male", age=70, weight=70, sodium=154), 3.5),
    ("free water deficit", dict(sex="female", age=10, weight=70, sodium=154), 4.2),
    ("corrected calcium", dict(calcium=8.0, albumin=2.0), 9.6),  # 8 + 0.8 * 2
    ("anion gap", dict(sodium=140, chloride=100, bicarbonate=10), 30),
    ("albumin-corrected anion gap", dict(sodium=140, chloride=100, bicarbonate=10, albumin=2.0), 35),  # 30 + 2.5 * 2
    ("delta ratio", dict(sodium=140, chloride=100, bicarbonate=12), 4 / 3),  # (28 - 12) / 12
    ("serum osmolality", dict(sodium=140, glucose=180, urea_nitrogen=28), 300),  # 280 + 10 + 10
    ("sodium corrected for glucose", dict(sodium=130, glucose=600), 142),  # 130 + 2.4 * 5
    ("LDL cholesterol", dict(total=200, hdl=50, triglycerides=150), 120),  # 200 - 50 - 30
    ("HOMA-IR", dict(insulin=9, glucose=90), 2),  # 810 / 405
    ("alveolar-arterial oxygen gradient", dict(fio2=50, paco2=40, pao2=100), 206.5),  # 356.5 - 50 - 100
    ("expected carbon dioxide in metabolic acidosis", dict(bicarbonate=10), 23),  # 15 + 8
    ("mean arterial pressure", dict(systolic=120, diastolic=75), 90),  # 270 / 3
    ("QTc by Bazett", dict(qt=400, rate=60), 400),
    ("QTc by Bazett", dict(qt=300, rate=240), 600),  # sqrt(60 / 240) = 1/2
    ("QTc by Fridericia", dict(qt=300, rate=480), 600),  # cube root of 60 / 480 = 1/2
    ("QTc by Framingham", dict(qt=400, rate=120), 477),  # 400 + 154 / 2
    ("QTc by Hodges", dict(qt=400, rate=100), 470),  # 400 + 70
    ("body mass index", dict(weight=80, height=200), 20),  # 80 / 4
    ("body surface area", dict(weight=80, height=180), 2),  # sqrt(14400 / 3600)
    ("ideal body weight", dict(sex="male", height=177.8), 73),  # 70 inches: 50 + 23
    ("adjusted body weight", dict(sex="male", weight=113, height=177.8), 89),  # 73 + 0.4 * 40
    ("maintenance fluid rate", dict(weight=25), 65),  # 40 + 20 + 5
    ("maintenance fluid rate", dict(weight=8), 32),
    ("equivalent glucocorticoid dose", dict(given="prednisone", dose=40, wanted="dexamethasone"), 6),  # 40 / 5 * 0.75
    ("morphine milligram equivalents", dict(opioid="oxycodone", dose=40), 60),
    # all logarithms of 1 are 0: 6.43
    ("MELD", dict(bilirubin=1, inr=1, creatinine=1, dialysis=False), 6.43),
    # dialysis sets creatinine to 4: 9.57 * ln 4 = 13.267; + 6.43
    ("MELD", dict(bilirubin=1, inr=1, creatinine=1, dialysis=True), 9.57 * math.log(4) + 6.43),
    # 19.697 + 1.32 * 7 - 0.033 * 19.697 * 7 = 19.697 + 9.24 - 4.550
    (
        "MELD-Na",
        dict(bilirubin=1, inr=1, creatinine=1, sodium=130, dialysis=True),
        (9.57 * math.log(4) + 6.43) * (1 - 0.231) + 9.24,
    ),
    ("MELD-Na", dict(bilirubin=1, inr=1, creatinine=1, sodium=120, dialysis=False), 6.43),  # 11 or less: as it is
    ("FIB-4", dict(age=60, ast=100, alt=25, platelets=200), 6),  # 6000 / (200 * 5)
    ("Maddrey discriminant function", dict(prothrombin_time=20, control=12, bilirubin=10), 46.8),  # 4.6 * 8 + 10
]

SCORES = [
    # a woman of 76 with hypertension and a stroke: 1 + 2 + 1 + 2
    ("CHA2DS2-VASc", dict(sex="female", age=76), {"hypertension", "stroke"}, 6, "high risk of stroke"),
    ("CHA2DS2-VASc", dict(sex="male", age=65), set(), 1, "intermediate risk of stroke"),
    ("HAS-BLED", dict(age=66), {"alcohol", "labile_inr"}, 3, "high risk of bleeding"),
    ("HAS-BLED", dict(age=65), set(), 0, "low risk of bleeding"),
    ("revised cardiac risk index", dict(creatinine=2.1), {"insulin"}, 2, "class III"),
    ("revised cardiac risk index", dict(creatinine=2.0), set(), 0, "class I"),
    ("Wells score for pulmonary embolism", dict(rate=101), {"dvt_signs"}, 4.5, "pulmonary embolism likely"),
    ("Wells score for pulmonary embolism", dict(rate=100), {"most_likely", "cancer"}, 4, "pulmonary embolism unlikely"),
    ("Wells score for deep vein thrombosis", {}, {"cancer", "calf", "alternative"}, 0, "thrombosis unlikely"),
    ("PERC", dict(age=49, rate=99, saturation=95), set(), 0, "rules embolism out at low pretest probability"),
    ("PERC", dict(age=50, rate=100, saturation=94), {"hormones"}, 4, "does not rule embolism out"),
    (
        "CURB-65",
        dict(urea_nitrogen=20, respiratory_rate=30, systolic=120, diastolic=60, age=64),
        set(),
        3,
        "severe: admit urgently",
    ),
    (
        "CURB-65",
        dict(urea_nitrogen=19, respiratory_rate=29, systolic=90, diastolic=61, age=65),
        {"confusion"},
        2,
        "intermediate risk: consider hospital",
    ),
    (
        "SIRS criteria",
        dict(temperature=35.9, rate=91, respiratory_rate=20, white_cells=12),
        set(),
        2,
        "systemic inflammatory response",
    ),
    ("qSOFA", dict(respiratory_rate=22, systolic=100), set(), 2, "high risk of a poor outcome"),
    ("Centor score as modified by McIsaac", dict(age=14, temperature=38.1), {"nodes"}, 4, "treatment may be started"),
    ("Centor score as modified by McIsaac", dict(age=45, temperature=38.0), {"cough"}, -1, "no test or antibiotic"),
    ("FeverPAIN", {}, {"fever", "rapid"}, 2, "delayed antibiotic"),
    (
        "Child-Pugh",
        dict(bilirubin=2.5, albumin=2.7, inr=1.6, ascites="mild", encephalopathy="none"),
        set(),
        9,  # 2 + 3 + 1 + 2 + 1
        "class B",
    ),
    (
        "Glasgow-Blatchford",
        dict(sex="male", urea_nitrogen=25, haemoglobin=9, systolic=95, rate=110),
        {"melaena"},
        13,  # 3 + 6 + 2 + 1 + 1
        "not very low risk",
    ),
    (
        "Glasgow-Blatchford",
        dict(sex="female", urea_nitrogen=18, haemoglobin=12, systolic=110, rate=99),
        set(),
        0,
        "very low risk: outpatient care",
    ),
    (
        "Glasgow coma scale",
        dict(eyes="to speech", verbal="confused", motor="localises pain"),
        set(),
        12,  # 3 + 4 + 5
        "moderate",
    ),
    (
        "Apgar",
        dict(
            pulse="100 or more",
            breathing="weak or irregular",
            tone="some flexion",
            reflex="grimace",
            colour="blue limbs",
        ),
        set(),
        6,  # 2 + 1 + 1 + 1 + 1
        "moderately low",
    ),
    (
        "HEART",
        dict(
            age=65,
            history="moderately suspicious",
            ecg="normal",
            risk_factors="one or two",
            troponin="above three times the limit",
        ),
        set(),
        6,  # 2 + 1 + 0 + 1 + 2
        "moderate risk",
    ),
]

HIGHEST = {
    "CHA2DS2-VASc": 9,
    "HAS-BLED": 9,
    "HEART": 10,
    "revised cardiac risk index": 6,
    "Wells score for pulmonary embolism": 12.5,
    "Wells score for deep vein thrombosis": 9,
    "PERC": 8,
    "CURB-65": 5,
    "SIRS criteria": 4,
    "qSOFA": 3,
    "Centor score as modified by McIsaac": 5,
    "FeverPAIN": 5,
    "Child-Pugh": 15,
    "Glasgow-Blatchford": 23,
    "Glasgow coma scale": 15,
    "Apgar": 10,
}
LOWEST = {
    "Wells score for deep vein thrombosis": -2,
    "Centor score as modified by McIsaac": -1,
    "Child-Pugh": 5,
    "Glasgow coma scale": 3,
}


def with_flags(name: str, values: dict, present: set) -> dict:
    flags = {entry.name: entry.name in present for entry in CALCULATORS[name].inputs if isinstance(entry, Flag)}
    assert present <= set(flags)
    return {**values, **flags}


@pytest.mark.parametrize(("name", "values", "result"), WORKED)
def test_equations_by_hand(name, values, result):
    assert evaluate(CALCULATORS[name], values) == pytest.approx(result, rel=1e-6)


@pytest.mark.parametrize(("name", "values", "present", "result", "band"), SCORES)
def test_scores_by_hand(name, values, present, result, band):
    computed = evaluate(CALCULATORS[name], with_flags(name, values, present))
    assert computed == result and CALCULATORS[name].band(computed) == band


def test_every_calculator_is_worked_by_hand_and_says_where_it_comes_from():
    assert len(CALCULATORS) >= 12
    assert {name for name, *_ in WORKED} | {name for name, *_ in SCORES} == set(CALCULATORS)
    for entry in CALCULATORS.values():
        assert entry.source == GENERAL or any(mark.isdigit() for mark in entry.source)  # an author and a year
        assert entry.formula and entry.compute.__doc__
        assert all(item.low < item.high and item.label for item in entry.inputs if isinstance(item, Quantity))
        assert (entry.tolerance == 0) == (entry.unit == "points")


@given(st.sampled_from(sorted(CALCULATORS)), st.integers(0, 10**6))
def test_drawn_values_have_a_finite_result_in_its_bounds(name, seed):
    entry = CALCULATORS[name]
    values = draw(entry, random.Random(seed))
    result = evaluate(entry, values)
    assert math.isfinite(result) and values == draw(entry, random.Random(seed))
    assert bool(entry.band(result)) == bool(entry.bands)
    if entry.unit == "points":
        assert LOWEST.get(name, 0) <= result <= HIGHEST[name]
    for item in entry.inputs:
        if isinstance(item, Quantity):
            assert item.low <= values[item.name] <= item.high


@given(st.sampled_from(sorted(HIGHEST)), st.integers(0, 10**6))
def test_a_sign_more_never_lowers_a_score_but_for_those_that_speak_against_it(name, seed):
    entry = CALCULATORS[name]
    values = draw(entry, random.Random(seed))
    signs = [item.name for item in entry.inputs if isinstance(item, Flag)]
    for sign in signs:
        less = evaluate(entry, {**values, sign: False})
        more = evaluate(entry, {**values, sign: True})
        assert (more < less) if sign in ("alternative", "cough") else (more > less)


# (calculator, input, direction of the result when the input grows)
DIRECTIONS = [
    ("creatinine clearance", "age", -1),
    ("creatinine clearance", "creatinine", -1),
    ("creatinine clearance", "weight", 1),
    ("eGFR by CKD-EPI 2021", "creatinine", -1),
    ("eGFR by CKD-EPI 2021", "age", -1),
    ("eGFR by MDRD", "creatinine", -1),
    ("corrected calcium", "albumin", -1),
    ("anion gap", "bicarbonate", -1),
    ("serum osmolality", "glucose", 1),
    ("QTc by Bazett", "rate", 1),
    ("QTc by Fridericia", "rate", 1),
    ("MELD", "bilirubin", 1),
    ("MELD", "inr", 1),
    ("MELD-Na", "sodium", -1),
    ("Child-Pugh", "albumin", -1),
    ("FIB-4", "platelets", -1),
    ("Glasgow-Blatchford", "haemoglobin", -1),
    ("Glasgow-Blatchford", "urea_nitrogen", 1),
    ("CURB-65", "age", 1),
    ("maintenance fluid rate", "weight", 1),
]


@given(st.sampled_from(DIRECTIONS), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_results_move_the_way_they_should(direction, seed, first, second):
    name, moved, sign = direction
    entry = CALCULATORS[name]
    values = draw(entry, random.Random(seed))
    (item,) = (item for item in entry.inputs if item.name == moved)
    low, high = (item.low + share * (item.high - item.low) for share in sorted((first, second)))
    change = evaluate(entry, {**values, moved: high}) - evaluate(entry, {**values, moved: low})
    assert sign * change >= -1e-9


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(sex="male", age=60, weight=72), "give exactly age, creatinine, sex, weight; got"),
        (dict(sex="male", age=60, weight=72, creatinine=1, height=1), "give exactly"),
        (dict(sex="boy", age=60, weight=72, creatinine=1), "use one of male, female"),
        (dict(sex="male", age=60, weight=72, creatinine=0), "positive number in mg/dL"),
        (dict(sex="male", age=60, weight=72, creatinine=float("nan")), "positive number in mg/dL"),
        (dict(sex="male", age=60, weight=True, creatinine=1), "positive number in kg"),
        (dict(sex="male", age=60, weight="72", creatinine=1), "positive number in kg"),
    ],
)
def test_bad_inputs_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        evaluate(CALCULATORS["creatinine clearance"], values)


def test_a_formula_outside_its_domain_is_refused():
    with pytest.raises(UserError, match="400 mg/dL or more"):
        evaluate(CALCULATORS["LDL cholesterol"], dict(total=300, hdl=40, triglycerides=400))
    with pytest.raises(UserError, match="no value for"):
        evaluate(CALCULATORS["delta ratio"], dict(sodium=140, chloride=100, bicarbonate=24))
    with pytest.raises(UserError, match="use true or false"):
        evaluate(CALCULATORS["qSOFA"], dict(respiratory_rate=22, systolic=100, altered_mentation=1))


def test_answers_within_the_tolerance_are_accepted():
    clearance, curb = CALCULATORS["creatinine clearance"], CALCULATORS["CURB-65"]
    assert clearance.accepts(76, 80) and clearance.accepts(84, 80) and not clearance.accepts(84.1, 80)  # 5 % of 80 is 4
    assert CALCULATORS["anion gap"].accepts(0.5, 0) and not CALCULATORS["anion gap"].accepts(0.6, 0)  # rounding
    assert curb.accepts(3, 3) and not curb.accepts(3.1, 3)


def test_bands_are_those_of_the_written_value():
    assert CALCULATORS["corrected calcium"].band(10.54) == "normal"  # written 10.5
    assert CALCULATORS["corrected calcium"].band(10.56) == "high"
    assert CALCULATORS["HOMA-IR"].band(3) == ""


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="two calculators are called 'MELD'"):
        calculator("MELD", "", Choice("a", "a", ("b",)), formula="", source="")(lambda a: 0.0)
