"""Conditions of the lungs, the heart and the vessels."""

from alignment.knowledge.schema import Alternative, Condition, decisive, typical

CONDITIONS = (
    Condition(
        "asthma",
        "respiratory",
        decisive("wheeze that varies from day to day", "reversible airflow limitation", source="GINA")
        + decisive("symptoms after grass pollen")
        + typical("night-time cough", "chest tightness", "wheeze", "breathlessness on exertion", "childhood eczema"),
        "budesonide-formoterol",
        "GINA",
        also_accepted=("prednisone", "budesonide", "tiotropium", "hydrocortisone", "magnesium sulfate", "indacaterol"),
        ages=(18, 40),
    ),
    Condition(
        "COPD",
        "respiratory",
        decisive("persistent FEV1/FVC ratio of 0.55", source="GOLD report")
        + decisive("forty pack-years of smoking", "barrel chest")
        + typical("wheeze", "breathlessness on exertion", "morning sputum", "chronic cough", "weight loss"),
        "tiotropium",
        "GOLD report",
        also_accepted=("indacaterol", "budesonide-formoterol", "prednisone", "azithromycin", "budesonide"),
        ages=(50, 80),
    ),
    Condition(
        "community-acquired pneumonia",
        "respiratory",
        decisive("lobar consolidation on X-ray", "bronchial breathing at one base", "rusty sputum")
        + typical("fever", "productive cough", "pleuritic chest pain", "breathlessness at rest", "raised white cells"),
        "amoxicillin",
        "ATS/IDSA 2019",
        (Alternative("penicillin anaphylaxis", "doxycycline", "ATS/IDSA 2019"),),
        also_accepted=("azithromycin", "ceftriaxone", "penicillin V", "clindamycin", "benzathine penicillin"),
    ),
    Condition(
        "pulmonary tuberculosis",
        "respiratory",
        decisive("acid-fast bacilli in sputum", source="WHO")
        + decisive("upper lobe cavity", "caseating granulomas")
        + typical("night sweats", "weight loss", "chronic cough", "haemoptysis", "fever"),
        "isoniazid",
        "WHO",
        also_accepted=("gentamicin with azithromycin",),
    ),
    Condition(
        "pulmonary embolism",
        "respiratory",
        decisive("filling defect on CT angiography", source="ESC 2019")
        + decisive("swollen calf after a long flight", "S1Q3T3 pattern")
        + typical("pleuritic chest pain", "breathlessness at rest", "haemoptysis", "fast pulse", "raised D-dimer"),
        "apixaban",
        "ESC 2019",
        (Alternative("pregnancy", "enoxaparin", "ESC 2019"),),
        also_accepted=("argatroban", "bivalirudin"),
    ),
    Condition(
        "influenza",
        "respiratory",
        decisive("positive influenza PCR", "abrupt onset in an epidemic", "contact with an influenza case")
        + typical("fever", "muscle aches", "headache", "dry cough", "sore throat"),
        "oseltamivir",
        "IDSA 2018",
    ),
    Condition(
        "pertussis",
        "respiratory",
        decisive("inspiratory whoop", "vomiting after coughing fits", "marked lymphocytosis")
        + typical("dry cough", "night-time cough", "runny nose", "mild fever", "chronic cough"),
        "azithromycin",
        "CDC",
        (Alternative("macrolide allergy", "co-trimoxazole", "CDC"),),
        also_accepted=("doxycycline",),
    ),
    Condition(
        "heart failure with reduced ejection fraction",
        "cardiology",
        decisive("ejection fraction of 28%", "third heart sound", "raised jugular venous pressure")
        + typical("breathlessness on exertion", "ankle swelling", "orthopnoea", "fatigue", "raised BNP"),
        "sacubitril-valsartan",
        "AHA/ACC/HFSA 2022",
        (Alternative("past angioedema", "hydralazine-nitrate", "AHA/ACC/HFSA 2022"),),
        also_accepted=("metoprolol", "spironolactone", "eplerenone", "atorvastatin", "metformin"),
        ages=(45, 80),
    ),
    Condition(
        "atrial fibrillation",
        "cardiology",
        decisive("irregularly irregular pulse", "absent P waves", "fibrillating baseline on ECG")
        + typical("palpitations", "fast pulse", "fatigue", "breathlessness on exertion", "dizziness"),
        "metoprolol",
        "ESC 2024",
        (Alternative("severe asthma", "diltiazem", "ESC 2024"),),
        also_accepted=("apixaban", "verapamil", "enoxaparin", "propranolol", "magnesium sulfate"),
        aim="for rate control",
        ages=(50, 80),
    ),
    Condition(
        "supraventricular tachycardia",
        "cardiology",
        decisive("regular narrow-complex rate of 180", "abrupt start and stop", "attacks ended by Valsalva")
        + typical("palpitations", "fast pulse", "dizziness", "chest tightness", "anxiety"),
        "adenosine",
        "ACC/AHA/HRS 2015",
        (Alternative("severe asthma", "verapamil", "ACC/AHA/HRS 2015"),),
        also_accepted=("diltiazem", "metoprolol", "propranolol"),
        aim="after vagal manoeuvres fail",
        ages=(18, 45),
    ),
    Condition(
        "stable angina",
        "cardiology",
        decisive("chest pain eased by rest", "chest pain on climbing hills", "ST depression on exercise")
        + typical("chest tightness", "high cholesterol", "breathlessness on exertion", "smoking", "hypertension"),
        "metoprolol",
        "ESC 2019",
        (Alternative("severe asthma", "amlodipine", "ESC 2019"),),
        also_accepted=("verapamil", "diltiazem", "propranolol", "atorvastatin", "hydralazine-nitrate"),
        aim="to prevent attacks",
        ages=(50, 80),
    ),
    Condition(
        "acute pericarditis",
        "cardiology",
        decisive("pericardial friction rub", "chest pain eased by leaning forward", source="ESC 2015")
        + decisive("widespread saddle ST elevation")
        + typical("pleuritic chest pain", "fever", "recent viral illness", "fast pulse", "raised CRP"),
        "ibuprofen",
        "ESC 2015",
        (Alternative("active peptic ulcer", "prednisone", "ESC 2015"),),
        also_accepted=("naproxen", "hydrocortisone", "azathioprine", "intravenous immunoglobulin"),
        ages=(18, 50),
    ),
    Condition(
        "familial hypercholesterolaemia",
        "cardiology",
        decisive("Achilles tendon xanthomas", "LDL cholesterol of 8.5", "LDL receptor mutation")
        + typical("high cholesterol", "corneal arcus", "early heart disease in the family", "xanthelasma", "smoking"),
        "atorvastatin",
        "ACC/AHA 2018",
        (Alternative("pregnancy", "colesevelam", "general knowledge, unverified"),),
        ages=(18, 50),
    ),
)
