"""What every sign of a score is worth, and where every threshold lies: one change from a healthy patient at a time."""

from __future__ import annotations

import pytest

from alignment.knowledge.calculators import CALCULATORS, evaluate
from alignment.knowledge.calculators.registry import Flag

HEALTHY = {
    "CHA2DS2-VASc": dict(sex="male", age=40),
    "HAS-BLED": dict(age=40),
    "HEART": dict(age=30, history="slightly suspicious", ecg="normal", risk_factors="none", troponin="normal"),
    "revised cardiac risk index": dict(creatinine=1),
    "Wells score for pulmonary embolism": dict(rate=70),
    "Wells score for deep vein thrombosis": dict(),
    "PERC": dict(age=30, rate=70, saturation=98),
    "CURB-65": dict(urea_nitrogen=12, respiratory_rate=16, systolic=120, diastolic=80, age=40),
    "SIRS criteria": dict(temperature=37, rate=70, respiratory_rate=16, white_cells=7),
    "qSOFA": dict(respiratory_rate=16, systolic=120),
    "Centor score as modified by McIsaac": dict(age=30, temperature=37),
    "FeverPAIN": dict(),
    "Child-Pugh": dict(bilirubin=1, albumin=4, inr=1, ascites="none", encephalopathy="none"),
    "Glasgow-Blatchford": dict(sex="male", urea_nitrogen=12, haemoglobin=15, systolic=120, rate=70),
}
WORTH = {
    "CHA2DS2-VASc": dict(heart_failure=1, hypertension=1, diabetes=1, stroke=2, vascular_disease=1),
    "HAS-BLED": dict.fromkeys(
        ["hypertension", "kidney_disease", "liver_disease", "stroke", "bleeding", "labile_inr", "drugs", "alcohol"], 1
    ),
    "revised cardiac risk index": dict.fromkeys(
        ["high_risk_surgery", "ischaemic_heart_disease", "heart_failure", "cerebrovascular_disease", "insulin"], 1
    ),
    "Wells score for pulmonary embolism": dict(
        dvt_signs=3, most_likely=3, immobile=1.5, past_clot=1.5, haemoptysis=1, cancer=1
    ),
    "Wells score for deep vein thrombosis": {
        **dict.fromkeys(
            [
                "cancer",
                "paralysis",
                "bedridden",
                "tenderness",
                "whole_leg",
                "calf",
                "pitting",
                "collaterals",
                "past_clot",
            ],
            1,
        ),
        "alternative": -2,
    },
    "PERC": dict.fromkeys(["leg_swelling", "haemoptysis", "surgery", "past_clot", "hormones"], 1),
    "CURB-65": dict(confusion=1),
    "qSOFA": dict(altered_mentation=1),
    "Centor score as modified by McIsaac": dict(cough=-1, nodes=1, exudate=1),
    "FeverPAIN": dict.fromkeys(["fever", "purulence", "rapid", "inflamed", "no_cough"], 1),
    "Glasgow-Blatchford": dict(melaena=1, syncope=2, liver_disease=2, heart_failure=2),
}
# (calculator, input, just without, just with, points), elsewhere as in a healthy patient
THRESHOLDS = [
    ("CHA2DS2-VASc", "age", 64, 65, 1),
    ("CHA2DS2-VASc", "age", 74, 75, 1),
    ("CHA2DS2-VASc", "sex", "male", "female", 1),
    ("HAS-BLED", "age", 65, 66, 1),
    ("HEART", "age", 44, 45, 1),
    ("HEART", "age", 64, 65, 1),
    ("HEART", "history", "slightly suspicious", "moderately suspicious", 1),
    ("HEART", "history", "moderately suspicious", "highly suspicious", 1),
    ("HEART", "ecg", "normal", "nonspecific repolarisation change", 1),
    ("HEART", "ecg", "normal", "significant ST deviation", 2),
    ("HEART", "risk_factors", "none", "one or two", 1),
    ("HEART", "risk_factors", "none", "three or more, or known atherosclerosis", 2),
    ("HEART", "troponin", "normal", "one to three times the limit", 1),
    ("HEART", "troponin", "normal", "above three times the limit", 2),
    ("revised cardiac risk index", "creatinine", 2.0, 2.1, 1),
    ("Wells score for pulmonary embolism", "rate", 100, 101, 1.5),
    ("PERC", "age", 49, 50, 1),
    ("PERC", "rate", 99, 100, 1),
    ("PERC", "saturation", 95, 94, 1),
    ("CURB-65", "urea_nitrogen", 19, 19.1, 1),
    ("CURB-65", "respiratory_rate", 29, 30, 1),
    ("CURB-65", "systolic", 90, 89, 1),
    ("CURB-65", "diastolic", 61, 60, 1),
    ("CURB-65", "age", 64, 65, 1),
    ("SIRS criteria", "temperature", 38, 38.1, 1),
    ("SIRS criteria", "temperature", 36, 35.9, 1),
    ("SIRS criteria", "rate", 90, 91, 1),
    ("SIRS criteria", "respiratory_rate", 20, 21, 1),
    ("SIRS criteria", "white_cells", 12, 12.1, 1),
    ("SIRS criteria", "white_cells", 4, 3.9, 1),
    ("qSOFA", "respiratory_rate", 21, 22, 1),
    ("qSOFA", "systolic", 101, 100, 1),
    ("Centor score as modified by McIsaac", "temperature", 38, 38.1, 1),
    ("Centor score as modified by McIsaac", "age", 15, 14, 1),
    ("Centor score as modified by McIsaac", "age", 44, 45, -1),
    ("Child-Pugh", "bilirubin", 1.9, 2, 1),
    ("Child-Pugh", "bilirubin", 3, 3.1, 1),
    ("Child-Pugh", "albumin", 3.6, 3.5, 1),
    ("Child-Pugh", "albumin", 2.8, 2.7, 1),
    ("Child-Pugh", "inr", 1.6, 1.7, 1),
    ("Child-Pugh", "inr", 2.3, 2.4, 1),
    ("Child-Pugh", "ascites", "none", "mild", 1),
    ("Child-Pugh", "ascites", "none", "moderate to severe", 2),
    ("Child-Pugh", "encephalopathy", "none", "grade 1 or 2", 1),
    ("Child-Pugh", "encephalopathy", "none", "grade 3 or 4", 2),
    ("Glasgow-Blatchford", "urea_nitrogen", 18.1, 18.2, 2),
    ("Glasgow-Blatchford", "urea_nitrogen", 22.3, 22.4, 1),
    ("Glasgow-Blatchford", "urea_nitrogen", 27.9, 28, 1),
    ("Glasgow-Blatchford", "urea_nitrogen", 69.9, 70, 2),
    ("Glasgow-Blatchford", "haemoglobin", 13, 12.9, 1),
    ("Glasgow-Blatchford", "haemoglobin", 12, 11.9, 2),
    ("Glasgow-Blatchford", "haemoglobin", 10, 9.9, 3),
    ("Glasgow-Blatchford", "systolic", 110, 109, 1),
    ("Glasgow-Blatchford", "systolic", 100, 99, 1),
    ("Glasgow-Blatchford", "systolic", 90, 89, 1),
    ("Glasgow-Blatchford", "rate", 99, 100, 1),
]


def score(name: str, **changes) -> float:
    absent = {item.name: False for item in CALCULATORS[name].inputs if isinstance(item, Flag)}
    return evaluate(CALCULATORS[name], {**absent, **HEALTHY[name], **changes})


@pytest.mark.parametrize(("name", "sign", "worth"), [(n, s, w) for n, signs in WORTH.items() for s, w in signs.items()])
def test_every_sign_is_worth_its_points(name, sign, worth):
    assert score(name, **{sign: True}) - score(name) == worth


@pytest.mark.parametrize(("name", "changed", "without", "with_it", "worth"), THRESHOLDS)
def test_every_threshold_lies_where_it_should(name, changed, without, with_it, worth):
    assert score(name, **{changed: with_it}) - score(name, **{changed: without}) == worth


def test_haemoglobin_weighs_otherwise_in_women():
    steps = [score("Glasgow-Blatchford", sex="female", haemoglobin=value) for value in (12, 11.9, 10, 9.9)]
    assert steps == [0, 1, 1, 6]


def test_no_flag_of_a_score_is_left_out():
    scores = {name: entry for name, entry in CALCULATORS.items() if entry.unit == "points" and name in HEALTHY}
    named = {name: set(WORTH.get(name, {})) for name in scores}
    assert named == {
        name: {item.name for item in entry.inputs if isinstance(item, Flag)} for name, entry in scores.items()
    }


def test_the_share_of_water_changes_at_18_and_65():
    deficit = CALCULATORS["free water deficit"]
    litres = {
        (sex, age): evaluate(deficit, dict(sex=sex, age=age, weight=100, sodium=154))
        for sex in ("male", "female")
        for age in (17, 18, 64, 65)
    }
    assert [round(litres["female", age], 6) for age in (17, 18, 64, 65)] == [6, 5, 5, 4.5]
    assert [round(litres["male", age], 6) for age in (17, 18, 64, 65)] == [6, 6, 6, 5]
