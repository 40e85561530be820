"""Conditions of the glands, the gut and the liver."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, typical

CONDITIONS = (
    Condition(
        "type 2 diabetes",
        "endocrine",
        decisive("HbA1c of 8.4%", source="ADA Standards of Care")
        + decisive("acanthosis nigricans", "fasting glucose of 11 without ketones")
        + typical("thirst", "frequent urination", "obesity", "fatigue", "blurred vision"),
        "metformin",
        "ADA Standards of Care",
        (Alternative("kidney failure", "semaglutide", "ADA Standards of Care"),),
        also_accepted=("insulin",),
        ages=(35, 75),
    ),
    Condition(
        "diabetic ketoacidosis",
        "endocrine",
        decisive("fruity breath", "deep sighing breaths", "ketones of 6 with acid blood")
        + typical("thirst", "frequent urination", "vomiting", "abdominal pain", "weight loss"),
        "insulin",
        "ADA Standards of Care",
        ages=(18, 40),
    ),
    Condition(
        "hypothyroidism",
        "endocrine",
        decisive("raised TSH with low T4", "slow-relaxing reflexes", "puffy face with dry skin")
        + typical("fatigue", "weight gain", "cold intolerance", "constipation", "slow pulse"),
        "levothyroxine",
        "ATA 2014",
        (Alternative("untreated adrenal failure", "hydrocortisone", GENERAL),),
    ),
    Condition(
        "Graves disease",
        "endocrine",
        decisive("TSH receptor antibodies", "bulging eyes", "pretibial myxoedema")
        + typical("weight loss", "heat intolerance", "palpitations", "tremor", "anxiety"),
        "methimazole",
        "ATA 2016",
        (Alternative("pregnancy", "propylthiouracil", "ATA 2016"),),
        also_accepted=("propranolol", "metoprolol", "prednisone", "hydrocortisone"),
        aim="to lower thyroid hormone",
    ),
    Condition(
        "primary adrenal insufficiency",
        "endocrine",
        decisive("dark palmar creases", "failed Synacthen test", "salt craving", source="Endocrine Society 2016")
        + typical("fatigue", "weight loss", "low blood pressure", "vomiting", "abdominal pain"),
        "hydrocortisone",
        "Endocrine Society 2016",
    ),
    Condition(
        "primary aldosteronism",
        "endocrine",
        decisive("raised aldosterone-renin ratio", source="Endocrine Society 2016")
        + decisive("low potassium off diuretics", "suppressed renin")
        + typical("hypertension", "muscle weakness", "headache", "frequent urination", "fatigue"),
        "spironolactone",
        "Endocrine Society 2016",
        (Alternative("spironolactone gynaecomastia", "eplerenone", "Endocrine Society 2016"),),
        also_accepted=("amlodipine", "diltiazem", "verapamil"),
    ),
    Condition(
        "prolactinoma",
        "endocrine",
        decisive("prolactin of 9000", "milky nipple discharge", "pituitary mass with high prolactin")
        + typical("headache", "infertility", "low libido", "bitemporal field loss", "missed periods"),
        "cabergoline",
        "Endocrine Society 2011",
        (Alternative("cardiac valve disease", "bromocriptine", GENERAL),),
        sex="female",
        ages=(20, 42),
    ),
    Condition(
        "phaeochromocytoma",
        "endocrine",
        decisive("raised plasma metanephrines", source="Endocrine Society 2014")
        + decisive("spells of pallor and sweating", "bright adrenal mass on MRI")
        + typical("hypertension", "headache", "palpitations", "tremor", "anxiety"),
        "phenoxybenzamine",
        "Endocrine Society 2014",
        also_accepted=("amlodipine", "tamsulosin", "diltiazem", "verapamil", "magnesium sulfate"),
        aim="before surgery",
    ),
    Condition(
        "gastro-oesophageal reflux disease",
        "gastroenterology",
        decisive("heartburn after meals", "acid regurgitation on lying down", "oesophageal acid exposure above 6%")
        + typical("night-time cough", "hoarse voice", "obesity", "upper abdominal pain", "belching"),
        "omeprazole",
        "ACG 2022",
        (Alternative("proton pump inhibitor allergy", "famotidine", GENERAL),),
    ),
    Condition(
        "ulcerative colitis",
        "gastroenterology",
        decisive("continuous inflammation from the rectum", "crypt abscesses on biopsy", "bloody stools with mucus")
        + typical("abdominal pain", "urgency to defecate", "weight loss", "fatigue", "raised CRP"),
        "mesalazine",
        "ACG 2019",
        (Alternative("salicylate allergy", "budesonide", "ACG 2019"),),
        also_accepted=("prednisone", "azathioprine", "adalimumab", "hydrocortisone", "sulfasalazine"),
        ages=(18, 45),
    ),
    Condition(
        "Clostridioides difficile infection",
        "gastroenterology",
        decisive("positive stool toxin test", source="IDSA/SHEA 2021")
        + decisive("diarrhoea after a clindamycin course", "colonic pseudomembranes")
        + typical("watery diarrhoea", "abdominal pain", "fever", "raised white cells", "recent hospital stay"),
        "fidaxomicin",
        "IDSA/SHEA 2021",
        (Alternative("macrolide allergy", "oral vancomycin", "IDSA/SHEA 2021"),),
        also_accepted=("rifaximin",),
        ages=(55, 80),
    ),
    Condition(
        "primary biliary cholangitis",
        "gastroenterology",
        decisive("antimitochondrial antibodies", source="AASLD 2018")
        + decisive("florid bile duct lesions", "raised IgM with raised ALP")
        + typical("itching", "fatigue", "xanthelasma", "dry eyes", "jaundice"),
        "ursodeoxycholic acid",
        "AASLD 2018",
        also_accepted=("colesevelam",),
        sex="female",
        ages=(40, 65),
    ),
    Condition(
        "hepatic encephalopathy",
        "gastroenterology",
        decisive("flapping tremor with cirrhosis", "raised ammonia", "sleep reversal in cirrhosis")
        + typical("confusion", "jaundice", "ascites", "drowsiness", "constipation"),
        "lactulose",
        "AASLD 2014",
        (Alternative("galactosaemia", "rifaximin", GENERAL),),
        also_accepted=("oral vancomycin",),
        ages=(40, 70),
    ),
    Condition(
        "Wilson disease",
        "gastroenterology",
        decisive("Kayser-Fleischer rings", "low caeruloplasmin", "high urinary copper", source="AASLD 2022")
        + typical("tremor", "jaundice", "slurred speech", "mood change", "fatigue"),
        "penicillamine",
        "AASLD 2022",
        (Alternative("penicillamine allergy", "trientine", "AASLD 2022"),),
        ages=(18, 35),
    ),
)
