"""Conditions of the nervous system, the joints and the bones."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, typical

CONDITIONS = (
    Condition(
        "migraine",
        "neurology",
        decisive("one-sided throbbing headache", "zigzag visual aura", source="ICHD-3")
        + decisive("attacks eased by a dark room")
        + typical("vomiting", "light sensitivity", "headache", "nausea", "family history of headache"),
        "sumatriptan",
        "American Headache Society 2021",
        (Alternative("coronary artery disease", "rimegepant", "American Headache Society 2021"),),
        also_accepted=("ibuprofen", "naproxen", "valproate", "propranolol", "metoprolol", "magnesium sulfate"),
        aim="for severe attacks",
        ages=(18, 60),
    ),
    Condition(
        "trigeminal neuralgia",
        "neurology",
        decisive("electric shocks in the cheek", "face pain on brushing teeth", "vessel loop on the fifth nerve")
        + typical("facial pain", "fear of eating", "pain in brief bursts", "weight loss", "normal examination"),
        "carbamazepine",
        "EAN 2019",
        (Alternative("HLA-B*15:02", "gabapentin", "EAN 2019"),),
        also_accepted=("phenytoin", "valproate"),
        ages=(50, 75),
    ),
    Condition(
        "Parkinson disease",
        "neurology",
        decisive("pill-rolling rest tremor", "cogwheel rigidity", "shuffling gait with small steps")
        + typical("tremor", "slow movement", "soft voice", "constipation", "mood change"),
        "levodopa-carbidopa",
        "NICE NG71",
        (Alternative("narrow-angle glaucoma", "pramipexole", GENERAL),),
        also_accepted=("bromocriptine", "cabergoline"),
        ages=(58, 80),
    ),
    Condition(
        "childhood absence epilepsy",
        "neurology",
        decisive("3 Hz spike-and-wave", "staring spells many times a day", "spells brought on by hyperventilation")
        + typical("poor school marks", "eyelid flutter", "prompt recovery", "normal examination", "daydreaming"),
        "ethosuximide",
        "NICE NG217",
        (Alternative("succinimide allergy", "valproate", GENERAL),),
        ages=(5, 10),
    ),
    Condition(
        "myasthenia gravis",
        "neurology",
        decisive("acetylcholine receptor antibodies", "ptosis that worsens by evening", "thymoma with weakness")
        + typical("double vision", "muscle weakness", "slurred speech", "trouble swallowing", "fatigue"),
        "pyridostigmine",
        "MGFA consensus 2016",
        also_accepted=("prednisone", "azathioprine", "intravenous immunoglobulin", "plasma exchange"),
        aim="for symptoms",
    ),
    Condition(
        "Guillain-Barre syndrome",
        "neurology",
        decisive("ascending weakness over days", "high CSF protein with few cells", "weakness after Campylobacter")
        + typical("absent reflexes", "tingling feet", "back pain", "muscle weakness", "trouble swallowing"),
        "intravenous immunoglobulin",
        "EAN/PNS 2023",
        (Alternative("IgA deficiency", "plasma exchange", "EAN/PNS 2023"),),
    ),
    Condition(
        "bacterial meningitis",
        "neurology",
        decisive("neck stiffness with purpura", "cloudy CSF full of neutrophils", "diplococci in the CSF")
        + typical("fever", "headache", "light sensitivity", "confusion", "vomiting"),
        "ceftriaxone",
        "IDSA 2004",
        (Alternative("cephalosporin anaphylaxis", "chloramphenicol", GENERAL),),
        also_accepted=(
            "amoxicillin",
            "penicillin V",
            "benzathine penicillin",
            "co-trimoxazole",
            "gentamicin with azithromycin",
        ),
        ages=(18, 50),
    ),
    Condition(
        "essential tremor",
        "neurology",
        decisive("shaky hands when pouring", "tremor eased by alcohol", "tremor in three generations")
        + typical("tremor", "shaky handwriting", "head nodding", "normal walking", "shaky voice"),
        "propranolol",
        "AAN 2011",
        (Alternative("severe asthma", "primidone", "AAN 2011"),),
        also_accepted=("gabapentin", "metoprolol", "lorazepam"),
    ),
    Condition(
        "acute gout",
        "rheumatology",
        decisive("needle-shaped crystals in the joint", "red hot big toe", "tophi on the ear", source="ACR 2020")
        + typical("joint pain at night", "obesity", "hypertension", "swollen joint", "beer drinking"),
        "naproxen",
        "ACR 2020",
        (Alternative("active peptic ulcer", "prednisone", "ACR 2020"),),
        also_accepted=("ibuprofen", "hydrocortisone"),
        aim="for the attack",
        ages=(40, 75),
    ),
    Condition(
        "rheumatoid arthritis",
        "rheumatology",
        decisive("anti-CCP antibodies", "joint erosions of both hands", "swollen knuckles on both sides")
        + typical("morning stiffness", "fatigue", "raised CRP", "swollen joint", "weight loss"),
        "methotrexate",
        "ACR 2021",
        (Alternative("pregnancy", "sulfasalazine", "ACR 2020 reproductive health guideline"),),
        also_accepted=("hydroxychloroquine", "prednisone", "adalimumab", "naproxen", "ibuprofen", "azathioprine"),
    ),
    Condition(
        "giant cell arteritis",
        "rheumatology",
        decisive("jaw pain on chewing", "tender thickened temple artery", "giant cells in the artery wall")
        + typical("headache", "blurred vision", "weight loss", "shoulder stiffness", "raised CRP"),
        "prednisone",
        "ACR 2021",
        also_accepted=("methotrexate", "azathioprine"),
        ages=(60, 80),
    ),
    Condition(
        "systemic lupus erythematosus",
        "rheumatology",
        decisive("butterfly rash", "anti-double-stranded DNA antibodies", "low C3 with antinuclear antibodies")
        + typical("joint pain", "mouth ulcers", "fatigue", "hair loss", "fever"),
        "hydroxychloroquine",
        "EULAR 2023",
        (Alternative("retinopathy", "azathioprine", GENERAL),),
        also_accepted=("prednisone", "methotrexate", "naproxen", "ibuprofen", "hydrocortisone"),
        ages=(18, 45),
    ),
    Condition(
        "postmenopausal osteoporosis",
        "rheumatology",
        decisive("bone density T-score of -3.1", "hip fracture after a small fall", "wedge fractures of the spine")
        + typical("loss of height", "back pain", "early menopause", "low body weight", "curved upper back"),
        "alendronate",
        "Endocrine Society 2019",
        (Alternative("oesophageal stricture", "zoledronic acid", "Endocrine Society 2019"),),
        also_accepted=("estradiol",),
        sex="female",
        ages=(60, 80),
    ),
    Condition(
        "ankylosing spondylitis",
        "rheumatology",
        decisive("sacroiliitis on MRI", "back pain eased by exercise", "bamboo spine on X-ray")
        + typical("morning stiffness", "back pain", "heel pain", "red painful eye", "raised CRP"),
        "naproxen",
        "ACR/SAA/SPARTAN 2019",
        (Alternative("active peptic ulcer", "adalimumab", "ACR/SAA/SPARTAN 2019"),),
        also_accepted=("ibuprofen", "sulfasalazine"),
        ages=(18, 40),
    ),
)
