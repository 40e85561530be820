"""Drugs for diabetes, hormones and bone."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_T2D = "type 2 diabetes"
_UC = "ulcerative colitis"
_OSTEOPOROSIS = "postmenopausal osteoporosis"
_PAGET = "Paget disease of bone"
_CHEMO = "vomiting on chemotherapy"
_ACROMEGALY = "acromegaly"

FAMILIES = (
    Family(
        "biguanide",
        "",
        (
            agent(
                "metformin",
                _T2D,
                also=("polycystic ovary syndrome",),
                no=no("diabetic ketoacidosis", source=LABEL) + no("severe liver failure"),
            ),
        ),
        effects=can("diarrhoea", "vitamin B12 deficiency") + can("lactic acidosis", source=LABEL),
    ),
    Family(
        "sulfonylurea",
        "closes beta-cell potassium channels",
        (
            agent("gliclazide", _T2D),
            agent("glimepiride", _T2D),
            agent("glipizide", _T2D),
            agent("glibenclamide", _T2D, no=no("kidney failure")),
        ),
        no("diabetic ketoacidosis", source=LABEL) + no("G6PD deficiency", "hypoglycaemia") + no("pregnancy"),
        can("weight gain"),
        ("low blood glucose",),
    ),
    Family(
        "glinide",
        "closes beta-cell potassium channels briefly at meals",
        (agent("repaglinide", _T2D),),
        no("diabetic ketoacidosis", source=LABEL),
        can("low blood glucose", "weight gain"),
    ),
    Family(
        "thiazolidinedione",
        "activates PPAR-gamma",
        (agent("pioglitazone", _T2D, no=no("bladder cancer"), effects=can("bladder cancer") + can("macular oedema")),),
        no("symptomatic heart failure", source=LABEL) + no("pregnancy"),
        can("weight gain", "fluid retention", "worsening heart failure", source=LABEL) + can("fractures"),
    ),
    Family(
        "DPP-4 inhibitor",
        "inhibits dipeptidyl peptidase 4",
        (
            agent("sitagliptin", _T2D),
            agent("linagliptin", _T2D),
            agent("saxagliptin", _T2D, effects=can("worsening heart failure", source=LABEL)),
        ),
        no("past pancreatitis") + no("pregnancy"),
        can("pancreatitis", "bullous pemphigoid", "joint pain") + can("angioedema"),
    ),
    Family(
        "SGLT2 inhibitor",
        "blocks glucose reabsorption in the proximal tubule",
        (
            agent(
                "dapagliflozin",
                _T2D,
                also=(
                    "heart failure with reduced ejection fraction",
                    "chronic kidney disease",
                ),
            ),
            agent(
                "empagliflozin",
                _T2D,
                "heart failure with reduced ejection fraction",
                "chronic kidney disease",
                source=GENERAL,
            ),
            agent("canagliflozin", _T2D, effects=can("fractures", "toe amputation")),
        ),
        no("diabetic ketoacidosis") + no("pregnancy"),
        can("dehydration", "necrotising fasciitis of the perineum", source=LABEL),
        ("genital yeast infection", "ketoacidosis with near-normal glucose"),
    ),
    Family(
        "GLP-1 receptor agonist",
        "",
        (
            agent("semaglutide", _T2D, "obesity", source=GENERAL),
            agent("liraglutide", _T2D, "obesity", source=GENERAL),
            agent("dulaglutide", _T2D, source=GENERAL),
        ),
        no("medullary thyroid cancer", source=LABEL) + no("past pancreatitis", "pregnancy"),
        can("nausea", "vomiting", "pancreatitis", "gallstones"),
    ),
    Family(
        "alpha-glucosidase inhibitor",
        "inhibits brush-border alpha-glucosidase",
        (agent("acarbose", _T2D, no=no("severe liver failure")),),
        no("active bowel inflammation", "bowel obstruction", "diabetic ketoacidosis", source=LABEL),
        can("diarrhoea"),
        ("wind from unabsorbed sugar",),
    ),
    Family(
        "insulin",
        "",
        (
            agent(
                "insulin",
                "type 1 diabetes",
                "diabetic ketoacidosis",
                _T2D,
                "gestational diabetes",
                source=GENERAL,
                no=no("hypoglycaemia", source=LABEL),
            ),
        ),
        effects=can("low blood glucose", "low potassium", "weight gain", "lipohypertrophy"),
    ),
    Family(
        "counter-regulatory hormone",
        "releases glucose from liver glycogen",
        (agent("glucagon", "severe hypoglycaemia", source=GENERAL),),
        no("untreated phaeochromocytoma", source=LABEL),
        can("vomiting"),
    ),
    Family(
        "thyroid hormone",
        "",
        (
            agent("levothyroxine", "hypothyroidism", no=no("untreated thyrotoxicosis")),
            agent(
                "liothyronine",
                "hypothyroidism",
                also=("myxoedema coma",),
                no=no("untreated adrenal failure", source=LABEL),
            ),
        ),
        effects=can("palpitations", "weight loss", "loss of bone density", "atrial fibrillation"),
    ),
    Family(
        "thionamide",
        "",
        (
            agent("methimazole", also=("Graves disease",), effects=can("fetal scalp defects")),
            agent("carbimazole", "Graves disease", no=no("pregnancy", "past pancreatitis")),
            agent(
                "propylthiouracil",
                also=(
                    "Graves disease",
                    "thyroid storm",
                ),
                effects=can("liver failure", source=LABEL),
                no=no("severe liver failure"),
            ),
        ),
        effects=can("rash", "joint pain") + can("cholestatic jaundice"),
        known_for=("agranulocytosis",),
    ),
    Family(
        "corticosteroid",
        "",
        (
            agent(
                "prednisone",
                "asthma",
                "rheumatoid arthritis",
                "systemic lupus erythematosus",
                "multiple sclerosis",
                "acute gout",
                "ankylosing spondylitis",
                "psoriatic arthritis",
                "atopic dermatitis",
                also=(
                    "giant cell arteritis",
                    "polymyalgia rheumatica",
                    "immune thrombocytopenia",
                    _UC,
                ),
            ),
            agent(
                "prednisolone",
                "asthma",
                "rheumatoid arthritis",
                "systemic lupus erythematosus",
                "multiple sclerosis",
                "acute gout",
                "ulcerative colitis",
                also=(
                    "croup",
                    "nephrotic syndrome",
                    "polymyalgia rheumatica",
                ),
            ),
            agent(
                "dexamethasone",
                "asthma",
                "multiple sclerosis",
                also=(
                    "bacterial meningitis",
                    "cerebral oedema",
                    "croup",
                    _CHEMO,
                ),
            ),
            agent(
                "methylprednisolone",
                "multiple sclerosis",
                "rheumatoid arthritis",
                "systemic lupus erythematosus",
                "asthma",
                "acute gout",
                also=("acute transplant rejection",),
            ),
            agent(
                "hydrocortisone",
                "atopic dermatitis",
                "asthma",
                "ulcerative colitis",
                "systemic lupus erythematosus",
                also=(
                    "primary adrenal insufficiency",
                    "septic shock",
                ),
            ),
            agent(
                "budesonide",
                "asthma",
                also=(
                    _UC,
                    "autoimmune hepatitis",
                    "microscopic colitis",
                ),
            ),
        ),
        effects=can("raised glucose", "weight gain", "muscle weakness", "cataract", "peptic ulcer", "mood change")
        + can("infection", "osteoporosis")
        + can("slowed growth in children"),
        known_for=("osteonecrosis of the hip", "adrenal suppression"),
    ),
    Family(
        "topical corticosteroid",
        "activates glucocorticoid receptors where it is applied",
        (
            agent(
                "beclometasone", "asthma", also=("allergic rhinitis",), effects=can("oral candidiasis", "hoarse voice")
            ),
            agent(
                "fluticasone", "asthma", also=("allergic rhinitis",), effects=can("oral candidiasis", "hoarse voice")
            ),
            agent(
                "clobetasol",
                "atopic dermatitis",
                also=(
                    "plaque psoriasis",
                    "lichen sclerosus",
                ),
                effects=can("skin atrophy"),
            ),
        ),
    ),
    Family(
        "mineralocorticoid",
        "activates the mineralocorticoid receptor",
        (
            agent(
                "fludrocortisone",
                also=(
                    "primary adrenal insufficiency",
                    "orthostatic hypotension",
                ),
            ),
        ),
        effects=can("low potassium", "hypertension", "fluid retention"),
    ),
    Family(
        "adrenal enzyme inhibitor",
        "inhibits 11-beta-hydroxylase",
        (agent("metyrapone", also=("Cushing syndrome",), effects=can("excess hair growth", "adrenal insufficiency")),),
        no("untreated adrenal failure", source=LABEL),
    ),
    Family(
        "somatostatin analogue",
        "stimulates somatostatin receptors",
        (
            agent(
                "octreotide",
                also=(
                    _ACROMEGALY,
                    "carcinoid syndrome",
                    "variceal bleeding",
                ),
            ),
        ),
        effects=can("gallstones", "slow pulse", "raised glucose", "steatorrhoea"),
    ),
    Family(
        "dopamine agonist",
        "",
        (
            agent(
                "cabergoline",
                also=(
                    "prolactinoma",
                    "Parkinson disease",
                ),
                known_for=("cardiac valve fibrosis",),
            ),
            agent(
                "bromocriptine",
                "Parkinson disease",
                also=(
                    "prolactinoma",
                    _ACROMEGALY,
                ),
                effects=can("stuffy nose"),
            ),
            agent("pramipexole", "Parkinson disease", "restless legs syndrome"),
            agent("ropinirole", "Parkinson disease", "restless legs syndrome"),
        ),
        effects=can("nausea", "orthostatic hypotension", "hallucinations"),
        known_for=("pathological gambling", "sudden sleep attacks"),
    ),
    Family(
        "vasopressin analogue",
        "",
        (
            agent(
                "desmopressin",
                also=(
                    "central diabetes insipidus",
                    "von Willebrand disease type 1",
                    "nocturnal enuresis",
                ),
                no=no("kidney failure"),
            ),
            agent(
                "terlipressin",
                also=(
                    "hepatorenal syndrome",
                    "variceal bleeding",
                ),
                effects=can("gut ischaemia"),
            ),
        ),
        effects=can("headache", "low sodium"),
    ),
    Family(
        "vasopressin receptor antagonist",
        "blocks V2 receptors",
        (
            agent(
                "tolvaptan",
                also=(
                    "syndrome of inappropriate antidiuresis",
                    "autosomal dominant polycystic kidney disease",
                ),
            ),
        ),
        no("anuria", source=LABEL),
        can("thirst", "liver injury", source=LABEL),
        ("osmotic demyelination after rapid correction of sodium",),
    ),
    Family(
        "calcimimetic",
        "sensitises the calcium-sensing receptor",
        (agent("cinacalcet", also=("secondary hyperparathyroidism",)),),
        no("low calcium", source=LABEL),
        can("low calcium", "nausea"),
    ),
    Family(
        "bisphosphonate",
        "",
        (
            agent("alendronate", _PAGET, also=(_OSTEOPOROSIS,), effects=can("oesophageal ulcer")),
            agent(
                "risedronate",
                _OSTEOPOROSIS,
                _PAGET,
                no=no("oesophageal stricture", source=LABEL) + no("kidney failure"),
            ),
            agent(
                "zoledronic acid",
                _OSTEOPOROSIS,
                _PAGET,
                also=("hypercalcaemia of malignancy",),
                effects=can("fever") + can("uveitis"),
            ),
            agent("pamidronate", _PAGET, also=("hypercalcaemia of malignancy",), effects=can("fever") + can("uveitis")),
        ),
        no("low calcium") + no("pregnancy"),
        can("low calcium", "muscle aches"),
        ("osteonecrosis of the jaw", "atypical femoral fracture"),
    ),
    Family(
        "RANK ligand inhibitor",
        "binds RANK ligand",
        (agent("denosumab", _OSTEOPOROSIS, "bone metastases", source=GENERAL),),
        no("low calcium", "pregnancy", source=LABEL),
        can("low calcium", "osteonecrosis of the jaw", "atypical femoral fracture"),
        ("rebound vertebral fractures after stopping",),
    ),
    Family(
        "parathyroid hormone analogue",
        "stimulates osteoblasts through pulses of the PTH receptor",
        (agent("teriparatide", _OSTEOPOROSIS, source=GENERAL),),
        no("high calcium"),
        can("high calcium", "orthostatic hypotension", "leg cramps"),
    ),
    Family(
        "vitamin D analogue",
        "activates the vitamin D receptor",
        (
            agent("colecalciferol", also=("vitamin D deficiency",)),
            agent(
                "calcitriol",
                also=(
                    "hypoparathyroidism",
                    "secondary hyperparathyroidism",
                ),
            ),
            agent("calcipotriol", also=("plaque psoriasis",), effects=can("skin irritation")),
        ),
        no("high calcium"),
        can("high calcium"),
    ),
)
