"""Drugs for the blood and against cancer."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_PSORIASIS = "plaque psoriasis"
_BREAST = "breast cancer"
_PROSTATE = "prostate cancer"
_AML = "acute myeloid leukaemia"
_ALL = "acute lymphoblastic leukaemia"
_MYELOMA = "multiple myeloma"
_MARROW = "bone marrow suppression"

FAMILIES = (
    Family(
        "oral iron",
        "",
        (agent("ferrous sulfate", "iron deficiency anaemia", source=GENERAL, no=no("iron overload")),),
        effects=can("constipation", "dark stools", "nausea"),
    ),
    Family(
        "parenteral iron",
        "",
        (agent("intravenous iron", "iron deficiency anaemia", source=GENERAL, no=no("iron overload")),),
        effects=can("anaphylaxis", "low phosphate"),
    ),
    Family(
        "iron chelator",
        "binds ferric iron",
        (
            agent("deferoxamine", also=("iron overload from transfusions",), effects=can("hearing loss", "cataract")),
            agent(
                "deferasirox",
                also=("iron overload from transfusions",),
                no=no("kidney failure"),
                effects=can("liver failure") + can("Fanconi syndrome"),
            ),
        ),
        effects=can("infection with siderophilic bacteria"),
    ),
    Family(
        "vitamin B12",
        "",
        (
            agent(
                "hydroxocobalamin",
                also=(
                    "pernicious anaemia",
                    "cyanide poisoning",
                ),
            ),
        ),
        effects=can("low potassium", "red urine"),
    ),
    Family(
        "folate",
        "supplies tetrahydrofolate",
        (
            agent(
                "folic acid",
                also=(
                    "folate deficiency anaemia",
                    "neural tube defect prevention",
                ),
            ),
            agent("folinic acid", also=("methotrexate toxicity",)),
        ),
        effects=can("masked vitamin B12 deficiency"),
    ),
    Family(
        "erythropoiesis stimulator",
        "activates the erythropoietin receptor",
        (agent("epoetin alfa", "anaemia of kidney failure", source=GENERAL),),
        no("uncontrolled hypertension", source=LABEL),
        can("hypertension", "thrombosis", source=LABEL) + can("pure red cell aplasia"),
    ),
    Family(
        "granulocyte colony-stimulating factor",
        "activates the G-CSF receptor",
        (agent("filgrastim", "febrile neutropenia prevention", source=GENERAL, effects=can("splenic rupture")),),
        known_for=("bone pain",),
    ),
    Family(
        "thrombopoietin receptor agonist",
        "activates the thrombopoietin receptor",
        (agent("eltrombopag", also=("immune thrombocytopenia",), effects=can("thrombosis", "cataract")),),
        effects=can("hepatitis", source=LABEL),
    ),
    Family(
        "clotting factor VIII",
        "",
        (agent("factor VIII concentrate", "haemophilia A", source=GENERAL),),
        effects=can("factor VIII inhibitor"),
    ),
    Family(
        "bypassing agent",
        "",
        (agent("factor VIIa", "haemophilia A with inhibitor", source=GENERAL),),
        effects=can("thrombosis", source=LABEL),
    ),
    Family(
        "von Willebrand factor product",
        "",
        (agent("von Willebrand concentrate", "von Willebrand disease", source=GENERAL),),
        effects=can("thrombosis"),
    ),
    Family(
        "complement inhibitor",
        "blocks complement C5",
        (agent("eculizumab", "paroxysmal nocturnal haemoglobinuria", source=GENERAL),),
        known_for=("meningococcal sepsis",),
    ),
    Family(
        "ribonucleotide reductase inhibitor",
        "",
        (
            agent(
                "hydroxyurea",
                also=(
                    "sickle cell disease",
                    "polycythaemia vera",
                    "essential thrombocythaemia",
                ),
            ),
        ),
        no("bone marrow failure"),
        can(_MARROW, "leg ulcers", "macrocytosis"),
    ),
    Family(
        "tyrosine kinase inhibitor",
        "",
        (
            agent(
                "imatinib",
                also=(
                    "chronic myeloid leukaemia",
                    "gastrointestinal stromal tumour",
                ),
            ),
            agent(
                "dasatinib", also=("chronic myeloid leukaemia",), known_for=("pleural effusion",), no=no("pregnancy")
            ),
        ),
        effects=can("fluid retention", "muscle aches", _MARROW),
    ),
    Family(
        "EGFR inhibitor",
        "inhibits the EGFR kinase",
        (
            agent("erlotinib", "non-small cell lung cancer", "pancreatic cancer"),
            agent("gefitinib", "non-small cell lung cancer"),
        ),
        no("pregnancy"),
        effects=can("diarrhoea", "interstitial pneumonitis"),
        known_for=("acne-like rash",),
    ),
    Family(
        "BRAF inhibitor",
        "inhibits mutant BRAF",
        (
            agent(
                "vemurafenib", also=("melanoma",), effects=can("photosensitivity", "long QT interval") + can("uveitis")
            ),
        ),
        no("long QT interval") + no("pregnancy"),
        known_for=("squamous cell skin cancer",),
    ),
    Family(
        "HER2 antibody",
        "binds HER2",
        (agent("trastuzumab", _BREAST, "gastric cancer", source=GENERAL, effects=can("infusion reaction")),),
        no("symptomatic heart failure") + no("pregnancy"),
        known_for=("reversible fall of ejection fraction",),
    ),
    Family(
        "VEGF antibody",
        "neutralises VEGF-A",
        (agent("bevacizumab", "colorectal cancer", source=GENERAL, effects=can("hypertension", "poor wound healing")),),
        no("pregnancy"),
        effects=can("bowel perforation", "proteinuria", "bleeding"),
    ),
    Family(
        "PD-1 inhibitor",
        "blocks PD-1 on T cells",
        (
            agent("pembrolizumab", "melanoma", "non-small cell lung cancer", source=GENERAL),
            agent("nivolumab", "melanoma", "renal cell carcinoma", source=GENERAL),
        ),
        no("pregnancy"),
        effects=can("hypothyroidism", "hepatitis", "interstitial pneumonitis", "hypophysitis"),
        known_for=("immune-mediated colitis",),
    ),
    Family(
        "proteasome inhibitor",
        "inhibits the 26S proteasome",
        (agent("bortezomib", _MYELOMA, effects=can("peripheral neuropathy", "thrombocytopenia", "herpes zoster")),),
        no("pregnancy"),
    ),
    Family(
        "immunomodulatory imide",
        "redirects cereblon to degrade Ikaros",
        (
            agent("lenalidomide", _MYELOMA, effects=can(_MARROW)),
            agent("thalidomide", _MYELOMA, also=("erythema nodosum leprosum",), effects=can("peripheral neuropathy")),
        ),
        no("pregnancy", source=LABEL),
        can("thrombosis", source=LABEL),
        ("limb defects in the fetus",),
    ),
    Family(
        "oestrogen receptor modulator",
        "blocks oestrogen receptors in the breast",
        (
            agent(
                "tamoxifen",
                _BREAST,
                no=no("endometrial cancer") + no("pregnancy"),
                effects=can("retinal toxicity"),
                known_for=("endometrial cancer",),
            ),
            agent("raloxifene", also=("postmenopausal osteoporosis",), no=no("pregnancy", source=LABEL)),
            agent("clomifene", also=("ovulation induction",), no=no("pregnancy", "severe liver failure", source=LABEL)),
        ),
        no("past venous thrombosis", "unexplained vaginal bleeding"),
        can("hot flushes", "thrombosis"),
    ),
    Family(
        "aromatase inhibitor",
        "inhibits aromatase",
        (
            agent("anastrozole", also=(_BREAST,)),
            agent(
                "letrozole",
                also=(
                    _BREAST,
                    "ovulation induction",
                ),
            ),
        ),
        no("pregnancy"),
        can("joint pain", "osteoporosis", "hot flushes"),
    ),
    Family(
        "androgen receptor antagonist",
        "blocks androgen receptors",
        (
            agent("bicalutamide", also=(_PROSTATE,), effects=can("hepatitis")),
            agent("enzalutamide", _PROSTATE, effects=can("seizures", "fatigue")),
        ),
        no("pregnancy"),
        can("gynaecomastia", "hot flushes"),
    ),
    Family(
        "GnRH agonist",
        "desensitises pituitary GnRH receptors",
        (
            agent(
                "goserelin",
                also=(
                    _PROSTATE,
                    "endometriosis",
                    _BREAST,
                ),
            ),
            agent("leuprorelin", _PROSTATE, "precocious puberty", source=GENERAL),
        ),
        no("pregnancy", source=LABEL),
        can("hot flushes", "osteoporosis"),
        ("tumour flare in the first weeks",),
    ),
    Family(
        "anthracycline",
        "intercalates DNA and poisons topoisomerase II",
        (
            agent(
                "doxorubicin",
                _BREAST,
                "classical Hodgkin lymphoma",
                "ovarian cancer",
                effects=can("painful red palms and soles"),
            ),
            agent("daunorubicin", _AML),
        ),
        no("symptomatic heart failure", "bone marrow failure") + no("pregnancy"),
        can(_MARROW, "hair loss", "red urine"),
        ("dose-dependent dilated cardiomyopathy",),
    ),
    Family(
        "alkylating agent",
        "cross-links DNA through alkyl groups",
        (
            agent(
                "cyclophosphamide",
                "ovarian cancer",
                also=(
                    "lupus nephritis",
                    "granulomatosis with polyangiitis",
                    _BREAST,
                ),
                no=no("urinary retention"),
                effects=can("infertility", "bladder cancer"),
                known_for=("haemorrhagic cystitis",),
            ),
            agent("temozolomide", "glioblastoma"),
            agent("busulfan", also=("bone marrow conditioning",), effects=can("pulmonary fibrosis", "seizures")),
        ),
        no("pregnancy", "bone marrow failure"),
        can(_MARROW, "nausea", "hair loss"),
    ),
    Family(
        "platinum compound",
        "cross-links DNA with platinum",
        (
            agent(
                "cisplatin",
                "ovarian cancer",
                also=(
                    "testicular germ cell tumour",
                    "bladder cancer",
                ),
                no=no("kidney failure", "bone marrow failure"),
                effects=can("hearing loss", "acute kidney injury", "low magnesium", "severe vomiting"),
            ),
            agent("carboplatin", "ovarian cancer", also=("non-small cell lung cancer",)),
            agent("oxaliplatin", also=("colorectal cancer",), known_for=("cold-triggered tingling",)),
        ),
        no("pregnancy"),
        effects=can("peripheral neuropathy", _MARROW),
    ),
    Family(
        "vinca alkaloid",
        "blocks microtubule assembly",
        (
            agent(
                "vincristine", _ALL, "classical Hodgkin lymphoma", effects=can("peripheral neuropathy", "constipation")
            ),
            agent("vinblastine", "classical Hodgkin lymphoma", "testicular germ cell tumour", effects=can(_MARROW)),
        ),
        no("pregnancy"),
        effects=can("foot drop", "low sodium") + can("loss of tendon reflexes"),
    ),
    Family(
        "taxane",
        "blocks microtubule breakdown",
        (
            agent("paclitaxel", "ovarian cancer", _BREAST, "non-small cell lung cancer"),
            agent(
                "docetaxel",
                _BREAST,
                _PROSTATE,
                "non-small cell lung cancer",
                "gastric cancer",
                effects=can("fluid retention"),
            ),
        ),
        no("bone marrow failure", source=LABEL) + no("pregnancy"),
        can("peripheral neuropathy", _MARROW, "hair loss", "anaphylaxis"),
    ),
    Family(
        "fluoropyrimidine",
        "inhibits thymidylate synthase",
        (
            agent(
                "fluorouracil", "colorectal cancer", "gastric cancer", "pancreatic cancer", also=("actinic keratosis",)
            ),
            agent(
                "capecitabine",
                "gastric cancer",
                also=(
                    "colorectal cancer",
                    _BREAST,
                ),
                no=no("kidney failure"),
            ),
        ),
        no("DPD deficiency") + no("pregnancy"),
        can("diarrhoea", _MARROW, "mouth ulcers", "coronary spasm"),
        ("painful red palms and soles",),
    ),
    Family(
        "cytidine analogue",
        "terminates DNA chains as a false cytidine",
        (
            agent("cytarabine", _AML, effects=can("ataxia", "conjunctivitis") + can("painful red palms and soles")),
            agent(
                "gemcitabine",
                "pancreatic cancer",
                "non-small cell lung cancer",
                "ovarian cancer",
                effects=can("flu-like symptoms"),
            ),
        ),
        no("pregnancy"),
        effects=can(
            _MARROW,
        ),
    ),
    Family(
        "glycopeptide cytostatic",
        "cuts DNA strands with iron and oxygen",
        (
            agent(
                "bleomycin",
                "classical Hodgkin lymphoma",
                also=("testicular germ cell tumour",),
                effects=can("skin discolouration"),
            ),
        ),
        no("pregnancy"),
        known_for=("pulmonary fibrosis",),
    ),
    Family(
        "topoisomerase inhibitor",
        "traps topoisomerase on cut DNA",
        (
            agent("irinotecan", also=("colorectal cancer",), known_for=("acute cholinergic diarrhoea",)),
            agent(
                "etoposide", "small cell lung cancer", "testicular germ cell tumour", effects=can("secondary leukaemia")
            ),
        ),
        no("pregnancy"),
        effects=can(_MARROW, "hair loss"),
    ),
    Family(
        "retinoid",
        "activates retinoic acid receptors",
        (
            agent("isotretinoin", also=("severe acne",), effects=can("depressed mood", "intracranial hypertension")),
            agent("acitretin", _PSORIASIS),
            agent("tretinoin", also=("acute promyelocytic leukaemia",), known_for=("differentiation syndrome",)),
        ),
        no("pregnancy", source=LABEL) + no("severe liver failure"),
        can("dry lips", "raised triglycerides", "hepatitis", "fetal malformations"),
    ),
)
