"""The calculators on the entities of the real MedCalc examples, within the limits that the examples give."""

from __future__ import annotations

import ast
import csv
import os
from pathlib import Path

import pytest

from alignment.knowledge.calculators import CALCULATORS, evaluate
from alignment.knowledge.calculators.registry import Choice, Flag, Quantity

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
FILE = Path(FOLDER) / "medcalc_oneshot" / "one_shot_data.csv"

pytestmark = pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")

UREA, SYSTOLIC, DIASTOLIC = "Blood Urea Nitrogen (BUN)", "Systolic Blood Pressure", "Diastolic Blood Pressure"
RATE, BREATHS, INR = "Heart Rate or Pulse", "respiratory rate", "international normalized ratio"
BLOOD = {"sodium": "Sodium", "chloride": "Chloride", "bicarbonate": "Bicarbonate"}
MELD = {"creatinine": "creatinine", "bilirubin": "Bilirubin", "inr": INR}
QT = {"qt": "QT Interval", "rate": RATE}
SIZE = {"weight": "weight", "height": "height"}

# Their calculator: (ours, {our input: their entity}, values that their note settles otherwise). A flag that they do not
# name is absent; a temperature in Fahrenheit and an albumin in g/L are turned into our units.
SAME = {
    "CKD-EPI Equations for Glomerular Filtration Rate": ("eGFR by CKD-EPI 2021", {}, {}),
    "MDRD GFR Equation": ("eGFR by MDRD", {}, {}),
    "CHA2DS2-VASc Score for Atrial Fibrillation Stroke Risk": ("CHA2DS2-VASc", {"stroke": "Stroke"}, {}),
    "Mean Arterial Pressure (MAP)": ("mean arterial pressure", {"systolic": SYSTOLIC, "diastolic": DIASTOLIC}, {}),
    "Body Mass Index (BMI)": ("body mass index", SIZE, {}),
    "Calcium Correction for Hypoalbuminemia": ("corrected calcium", {"calcium": "Calcium", "albumin": "Albumin"}, {}),
    "Wells' Criteria for Pulmonary Embolism": ("Wells score for pulmonary embolism", {"rate": RATE}, {}),
    "Ideal Body Weight": ("ideal body weight", SIZE, {}),
    "QTc Bazett Calculator": ("QTc by Bazett", QT, {}),
    "QTc Fridericia Calculator": ("QTc by Fridericia", QT, {}),
    "QTc Framingham Calculator": ("QTc by Framingham", QT, {}),
    "QTc Hodges Calculator": ("QTc by Hodges", QT, {}),
    "Child-Pugh Score for Cirrhosis Mortality": (
        "Child-Pugh",
        {"inr": INR, "albumin": "Albumin", "bilirubin": "Bilirubin"},
        {"ascites": "none", "encephalopathy": "none"},
    ),
    "Wells' Criteria for DVT": (
        "Wells score for deep vein thrombosis",
        {
            "cancer": "Active cancer",
            "bedridden": "Major surgery within 12 weeks",
            "tenderness": "Localized tenderness along the deep venous system",
            "collaterals": "Collateral (nonvaricose) superficial veins present",
        },
        {},
    ),
    "Revised Cardiac Risk Index for Pre-Operative Risk": (
        "revised cardiac risk index",
        {
            "insulin": "Pre-operative treatment with insulin",
            "creatinine": "Pre-operative creatinine",
            "high_risk_surgery": "Elevated-risk surgery",
        },
        {},
    ),
    "HEART Score for Major Cardiac Events": (
        "HEART",
        {},
        {
            "history": "slightly suspicious",
            "ecg": "normal",
            "risk_factors": "one or two",
            "troponin": "normal",
        },
    ),
    "Fibrosis-4 (FIB-4) Index for Liver Fibrosis": (
        "FIB-4",
        {"alt": "Alanine aminotransferase", "ast": "Aspartate aminotransferase", "platelets": "Platelet count"},
        {},
    ),
    "Centor Score (Modified/McIsaac) for Strep Pharyngitis": (
        "Centor score as modified by McIsaac",
        {"temperature": "Temperature"},
        {},
    ),
    "Glasgow Coma Score (GCS)": (
        "Glasgow coma scale",
        {},
        {"eyes": "spontaneous", "verbal": "none", "motor": "abnormal flexion"},
    ),
    "Maintenance Fluids Calculations": ("maintenance fluid rate", {}, {}),
    "MELD Na (UNOS/OPTN)": ("MELD-Na", {**MELD, "sodium": "Sodium"}, {}),
    "Steroid Conversion Calculator": (
        "equivalent glucocorticoid dose",
        {},
        {"given": "hydrocortisone", "wanted": "dexamethasone"},
    ),
    "HAS-BLED Score for Major Bleeding Risk": ("HAS-BLED", {"hypertension": "Hypertension", "stroke": "Stroke"}, {}),
    "Sodium Correction for Hyperglycemia": (
        "sodium corrected for glucose",
        {"glucose": "Glucose", "sodium": "Sodium"},
        {},
    ),
    "Glasgow-Blatchford Bleeding Score (GBS)": (
        "Glasgow-Blatchford",
        {
            "liver_disease": "Hepatic disease history",
            "urea_nitrogen": UREA,
            "rate": RATE,
            "haemoglobin": "Hemoglobin",
            "systolic": SYSTOLIC,
        },
        {},
    ),
    "Serum Osmolality": (
        "serum osmolality",
        {"urea_nitrogen": UREA, "glucose": "Glucose", "sodium": "Sodium"},
        {},
    ),
    "HOMA-IR (Homeostatic Model Assessment for Insulin Resistance)": (
        "HOMA-IR",
        {"insulin": "Insulin", "glucose": "Glucose"},
        {},
    ),
    "FeverPAIN Score for Strep Pharyngitis": ("FeverPAIN", {"fever": "Fever in past 24 hours"}, {}),
    "Free Water Deficit": ("free water deficit", {"sodium": "Sodium"}, {}),
    "Anion Gap": ("anion gap", BLOOD, {}),
    "Fractional Excretion of Sodium (FENa)": (
        "fractional excretion of sodium",
        {"urine_sodium": "Urine sodium", "urine_creatinine": "Urine creatinine", "sodium": "Sodium"},
        {},
    ),
    "LDL Calculated": (
        "LDL cholesterol",
        {"total": "Total cholesterol", "hdl": "high-density lipoprotein cholesterol", "triglycerides": "Triglycerides"},
        {},
    ),
    "CURB-65 Score for Pneumonia Severity": (
        "CURB-65",
        {
            "systolic": SYSTOLIC,
            "diastolic": DIASTOLIC,
            "confusion": "Confusion",
            "urea_nitrogen": UREA,
            "respiratory_rate": BREATHS,
        },
        {},
    ),
    "PERC Rule for Pulmonary Embolism": (
        "PERC",
        {
            "rate": RATE,
            "saturation": "O₂ saturation percentage",
            "past_clot": "Previously Documented Pulmonary Embolism",
        },
        {},
    ),
    "SIRS Criteria": (
        "SIRS criteria",
        {
            "temperature": "Temperature",
            "rate": RATE,
            "respiratory_rate": BREATHS,
            "white_cells": "White blood cell count",
        },
        {},
    ),
    "Body Surface Area Calculator": ("body surface area", SIZE, {}),
    "Adjusted Body Weight": ("adjusted body weight", SIZE, {}),
    "Delta Ratio": ("delta ratio", BLOOD, {}),
    "Albumin Corrected Anion Gap": ("albumin-corrected anion gap", {**BLOOD, "albumin": "Albumin"}, {}),
}


def rows() -> dict[str, dict]:
    with FILE.open(encoding="utf-8") as file:
        return {row["Calculator Name"]: row for row in csv.DictReader(file)}


def in_our_unit(entity, item: Quantity) -> float:
    if not isinstance(entity, list):
        return float(entity)
    value, unit = float(entity[0]), entity[1].lower()
    if unit == "degrees fahrenheit":
        return (value - 32) * 5 / 9
    if item.unit == "g/dL" and unit == "g/l":
        return value / 10
    if item.unit == "mg/dL" and unit == "µmol/l":
        return value / 17.1  # bilirubin, the only one
    if item.unit == "10^9/L" and unit == "µl":
        return value / 1000
    return value


def inputs_of(name: str, row: dict) -> dict:
    ours, names, settled = SAME[name]
    entities = ast.literal_eval(row["Relevant Entities"])
    values = dict(settled)
    for item in CALCULATORS[ours].inputs:
        entity = entities.get(names.get(item.name, item.name))
        if item.name in values:
            continue
        if isinstance(item, Flag):
            values[item.name] = bool(entity)
        elif isinstance(item, Choice):
            values[item.name] = entity.lower()
        elif name == "Steroid Conversion Calculator":
            values[item.name] = entities["input steroid"][1]
        else:
            values[item.name] = in_our_unit(entity, item)
    return values


@pytest.mark.parametrize("name", sorted(SAME))
def test_results_lie_within_the_published_limits(name):
    row = rows()[name]
    result = evaluate(CALCULATORS[SAME[name][0]], inputs_of(name, row))
    assert float(row["Lower Limit"]) - 1e-4 <= result <= float(row["Upper Limit"]) + 1e-4


def test_clearance_with_the_adjusted_weight_that_their_question_asks_for():
    row = rows()["Creatinine Clearance (Cockcroft-Gault Equation)"]
    entities = ast.literal_eval(row["Relevant Entities"])
    sex, height, weight = entities["sex"].lower(), entities["height"][0], entities["weight"][0]
    adjusted = evaluate(CALCULATORS["adjusted body weight"], dict(sex=sex, weight=weight, height=height))
    values = dict(sex=sex, age=entities["age"][0], weight=adjusted, creatinine=entities["creatinine"][0])
    result = evaluate(CALCULATORS["creatinine clearance"], values)
    assert float(row["Lower Limit"]) <= result <= float(row["Upper Limit"])


def test_most_of_their_calculators_are_ours():
    assert len(SAME) + 1 >= 0.6 * len(rows())
