"""Conditions of the glands and of metabolism beyond the core."""

from alignment.knowledge.schema import GENERAL, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "Cushing disease",
        "endocrine",
        decisive("wide purple abdominal striae", "moon face with a fat pad between the shoulders")
        + shown_by("overnight dexamethasone suppression test", "cortisol not suppressed by 1 mg of dexamethasone")
        + shown_by("overnight dexamethasone suppression test", "high late-night salivary cortisol with high ACTH")
        + typical("hypertension", "obesity", "muscle weakness", "easy bruising", "low mood", "missed periods")
        + typical("weight gain", "back pain", "high blood glucose", "poor sleep"),
        "transsphenoidal surgery",
        "Endocrine Society 2015",
        also_accepted=("metyrapone", "ketoconazole", "pasireotide", "cabergoline"),
        ages=(25, 55),
        test="overnight dexamethasone suppression test",
        also_tests=("MRI of the pituitary",),
        mechanism="pituitary adenoma drives cortisol excess",
    ),
    Condition(
        "acromegaly",
        "endocrine",
        decisive("rings and shoes that became too small", "widening gaps between the teeth", "spade-like hands")
        + shown_by("IGF-1 level", "high IGF-1 for age", source="Endocrine Society 2014")
        + shown_by("IGF-1 level", "growth hormone not suppressed by glucose after a high IGF-1")
        + typical("headache", "hypertension", "joint pain", "sweating", "fatigue", "bitemporal field loss")
        + typical("daytime sleepiness", "low libido", "high blood glucose", "tingling hands"),
        "transsphenoidal surgery",
        "Endocrine Society 2014",
        also_accepted=("octreotide", "lanreotide", "cabergoline", "pegvisomant"),
        ages=(30, 60),
        test="IGF-1 level",
        also_tests=("MRI of the pituitary",),
        mechanism="pituitary adenoma secretes growth hormone",
    ),
    Condition(
        "primary hyperparathyroidism",
        "endocrine",
        decisive("kidney stones with an incidental high calcium", "subperiosteal resorption of the fingers")
        + shown_by("parathyroid hormone level", "parathyroid hormone of 140 with raised calcium")
        + shown_by("parathyroid hormone level", "unsuppressed parathyroid hormone in hypercalcaemia")
        + typical("raised calcium", "constipation", "fatigue", "thirst", "frequent urination", "low mood")
        + typical("abdominal pain", "muscle weakness", "bone pain", "confusion"),
        "parathyroidectomy",
        "Fifth International Workshop 2022",
        also_accepted=("cinacalcet", "alendronate", "zoledronic acid"),
        aim="when symptoms are present",
        ages=(45, 75),
        test="parathyroid hormone level",
        mechanism="adenoma of a parathyroid gland",
        difficulty=1,
    ),
    Condition(
        "hypoparathyroidism",
        "endocrine",
        decisive("spasm of the wrist under a pressure cuff", "cheek twitch on tapping the facial nerve")
        + shown_by("parathyroid hormone level", "undetectable parathyroid hormone with low calcium")
        + shown_by("parathyroid hormone level", "low calcium with raised phosphate after thyroidectomy")
        + typical("tingling hands", "muscle cramps", "seizures", "fatigue", "anxiety", "dry skin", "confusion")
        + typical("long QT on ECG", "recent neck surgery"),
        "calcitriol",
        "Endocrine Society 2022",
        aim="together with calcium",
        ages=(20, 75),
        test="parathyroid hormone level",
        mechanism="lost secretion of parathyroid hormone",
    ),
    Condition(
        "central diabetes insipidus",
        "endocrine",
        decisive("eight litres of pale urine a day", "craving for ice-cold water after head injury")
        + shown_by("water deprivation test", "urine that concentrates only after desmopressin")
        + shown_by("water deprivation test", "low copeptin after hypertonic saline")
        + typical("thirst", "frequent urination", "getting up at night to void", "fatigue", "headache", "poor sleep")
        + typical("high sodium", "dizziness"),
        "desmopressin",
        "Society for Endocrinology 2018",
        ages=(18, 65),
        test="water deprivation test",
        mechanism="lack of vasopressin from the posterior pituitary",
    ),
    Condition(
        "syndrome of inappropriate antidiuresis",
        "endocrine",
        decisive("low sodium while euvolaemic on sertraline", "low sodium with a small cell lung tumour")
        + shown_by("paired serum and urine osmolality", "concentrated urine despite dilute plasma")
        + shown_by("paired serum and urine osmolality", "urine sodium of 60 with low serum osmolality")
        + typical("low sodium", "confusion", "nausea", "headache", "drowsiness", "seizures", "unsteady walking")
        + typical("muscle cramps", "loss of appetite"),
        "fluid restriction",
        "European hyponatraemia guideline 2014",
        also_accepted=("tolvaptan", "oral urea", "hypertonic saline", "furosemide"),
        aim="in the absence of severe symptoms",
        ages=(50, 80),
        test="paired serum and urine osmolality",
        mechanism="vasopressin release without osmotic need",
    ),
    Condition(
        "subacute thyroiditis",
        "endocrine",
        decisive("exquisitely tender thyroid after a cold", "neck pain that spreads from lobe to lobe")
        + shown_by("radioiodine uptake scan", "low radioiodine uptake with high ESR", source="ATA 2016")
        + shown_by("radioiodine uptake scan", "cold thyroid scan with high T4")
        + typical("recent viral illness", "palpitations", "fever", "anxiety", "fatigue", "heat intolerance")
        + typical("tremor", "weight loss", "raised CRP", "muscle aches", "sweating"),
        "ibuprofen",
        "ATA 2016",
        also_accepted=("naproxen", "prednisone", "propranolol", "metoprolol", "aspirin"),
        aim="for pain",
        ages=(25, 60),
        test="radioiodine uptake scan",
        mechanism="viral-type inflammation leaks stored thyroid hormone",
    ),
    Condition(
        "insulinoma",
        "endocrine",
        decisive("fasting confusion cured by sugar", "odd behaviour before breakfast that sweets relieve")
        + shown_by("supervised 72-hour fast", "high C-peptide during hypoglycaemia", source="Endocrine Society 2009")
        + shown_by("supervised 72-hour fast", "unsuppressed insulin with a negative sulfonylurea screen")
        + typical("confusion", "sweating", "palpitations", "tremor", "weight gain", "seizures", "blurred vision")
        + typical("anxiety", "drowsiness", "dizziness"),
        "surgical enucleation",
        GENERAL,
        also_accepted=("diazoxide", "octreotide", "everolimus"),
        ages=(35, 65),
        test="supervised 72-hour fast",
        also_tests=("CT of the abdomen",),
        mechanism="beta-cell tumour releases insulin on its own",
        difficulty=3,
    ),
    Condition(
        "Klinefelter syndrome",
        "endocrine",
        decisive("small firm testes", "tall man with long legs and sparse beard")
        + shown_by("karyotype", "47,XXY karyotype")
        + shown_by("karyotype", "extra X chromosome with raised FSH")
        + typical("infertility", "low libido", "gynaecomastia", "erectile dysfunction", "fatigue", "low mood")
        + typical("obesity", "poor school marks"),
        "testosterone",
        "European Academy of Andrology 2021",
        aim="for hormone deficiency",
        sex="male",
        ages=(18, 45),
        test="karyotype",
        mechanism="extra X chromosome causes testicular failure",
    ),
    Condition(
        "carcinoid syndrome",
        "endocrine",
        decisive("purple flushing of the face with loose stools", "fibrous plaques on the tricuspid valve")
        + shown_by("urinary 5-HIAA", "raised urinary 5-HIAA", source="ENETS 2023")
        + shown_by("urinary 5-HIAA", "liver metastases that take up somatostatin tracer after a high 5-HIAA")
        + typical("watery diarrhoea", "wheeze", "abdominal pain", "weight loss", "palpitations", "ankle swelling")
        + typical("fatigue", "systolic murmur"),
        "octreotide",
        "ENETS 2023",
        also_accepted=("lanreotide", "telotristat"),
        aim="for flushing and diarrhoea",
        ages=(45, 75),
        test="urinary 5-HIAA",
        mechanism="serotonin-secreting tumour that escapes the liver",
    ),
)
