"""Drugs for joints, gout, transplants and autoimmunity."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_RA = "rheumatoid arthritis"
_PSORIASIS = "plaque psoriasis"
_CROHN = "Crohn disease"
_MS = "multiple sclerosis"
_TRANSPLANT = "organ transplant rejection prevention"
_ALL = "acute lymphoblastic leukaemia"
_MARROW = "bone marrow suppression"

FAMILIES = (
    Family(
        "NSAID",
        "",
        (
            agent(
                "ibuprofen",
                "rheumatoid arthritis",
                also=(
                    "osteoarthritis",
                    "dysmenorrhoea",
                    "acute pericarditis",
                    "fever",
                ),
            ),
            agent("naproxen", "acute gout", "ankylosing spondylitis", _RA, "migraine", also=("osteoarthritis",)),
            agent(
                "diclofenac",
                _RA,
                "ankylosing spondylitis",
                also=(
                    "osteoarthritis",
                    "renal colic",
                ),
            ),
            agent(
                "indometacin",
                "acute gout",
                "ankylosing spondylitis",
                "rheumatoid arthritis",
                also=("patent ductus arteriosus",),
            ),
            agent(
                "ketorolac",
                also=(
                    "postoperative pain",
                    "renal colic",
                ),
            ),
            agent("meloxicam", _RA, also=("osteoarthritis",)),
        ),
        no("recent coronary bypass surgery", "salicylate allergy", source=LABEL)
        + no("active peptic ulcer", "kidney failure", "symptomatic heart failure", "active major bleeding")
        + no("severe liver failure"),
        can("gastric bleeding", "myocardial infarction", source=LABEL)
        + can("acute kidney injury", "hypertension", "bronchospasm", "interstitial nephritis"),
    ),
    Family(
        "COX-2 inhibitor",
        "inhibits cyclo-oxygenase 2 alone",
        (agent("celecoxib", _RA, "ankylosing spondylitis", also=("osteoarthritis",)),),
        no("recent coronary bypass surgery", "sulfonamide allergy", source=LABEL)
        + no("coronary artery disease", "symptomatic heart failure")
        + no("kidney failure"),
        can("myocardial infarction", source=LABEL) + can("acute kidney injury", "hypertension"),
    ),
    Family(
        "antimitotic alkaloid",
        "blocks microtubules of neutrophils",
        (
            agent(
                "colchicine",
                "acute gout",
                also=(
                    "familial Mediterranean fever",
                    "acute pericarditis",
                ),
            ),
        ),
        no("kidney failure", "severe liver failure"),
        can("myopathy", _MARROW),
        ("dose-limiting diarrhoea",),
    ),
    Family(
        "xanthine oxidase inhibitor",
        "inhibits xanthine oxidase",
        (
            agent(
                "allopurinol",
                "chronic gout",
                also=("tumour lysis prevention",),
                no=no("HLA-B*58:01"),
                effects=can("Stevens-Johnson syndrome") + can("eosinophilia with rash and liver injury"),
            ),
            agent("febuxostat", "chronic gout", source=GENERAL, effects=can("cardiovascular death", source=LABEL)),
        ),
        effects=can("gout flare on starting", "rash"),
    ),
    Family(
        "uricosuric",
        "blocks urate reabsorption through URAT1",
        (agent("probenecid", "chronic gout", effects=can("kidney stones", "rash")),),
        no("recurrent kidney stones", source=LABEL) + no("kidney failure"),
    ),
    Family(
        "urate oxidase",
        "turns urate into allantoin",
        (agent("rasburicase", "tumour lysis syndrome", source=GENERAL, effects=can("methaemoglobinaemia")),),
        no("G6PD deficiency", source=LABEL),
        known_for=("haemolysis",),
    ),
    Family(
        "antifolate",
        "",
        (
            agent(
                "methotrexate",
                _RA,
                _PSORIASIS,
                _ALL,
                also=("unruptured ectopic pregnancy",),
                no=no("breastfeeding", "bone marrow failure", source=LABEL),
                effects=can(_MARROW, "pulmonary fibrosis", "hepatic fibrosis", source=LABEL)
                + can("megaloblastic anaemia")
                + can("crystal nephropathy"),
                known_for=("mouth ulcers prevented by folic acid",),
            ),
            agent(
                "pemetrexed",
                "non-small cell lung cancer",
                also=("mesothelioma",),
                effects=can(_MARROW, "rash", "mouth ulcers prevented by folic acid"),
                no=no("kidney failure", "pregnancy"),
            ),
        ),
    ),
    Family(
        "pyrimidine synthesis inhibitor",
        "inhibits dihydroorotate dehydrogenase",
        (
            agent("leflunomide", _RA, "psoriatic arthritis", effects=can("hypertension")),
            agent("teriflunomide", _MS, source=GENERAL),
        ),
        no("pregnancy", "severe liver failure", source=LABEL),
        can("hepatitis", "diarrhoea", "hair loss"),
    ),
    Family(
        "purine analogue",
        "",
        (
            agent(
                "azathioprine",
                _RA,
                also=(
                    _CROHN,
                    "autoimmune hepatitis",
                    _TRANSPLANT,
                ),
                effects=can("squamous cell skin cancer"),
            ),
            agent("mercaptopurine", _ALL, also=(_CROHN,), no=no("pregnancy")),
        ),
        no("TPMT deficiency"),
        can(_MARROW, "pancreatitis", "hepatitis", "infection"),
    ),
    Family(
        "IMP dehydrogenase inhibitor",
        "inhibits inosine monophosphate dehydrogenase",
        (
            agent(
                "mycophenolate",
                also=(
                    _TRANSPLANT,
                    "lupus nephritis",
                ),
                effects=can("diarrhoea", _MARROW),
            ),
        ),
        no("pregnancy"),
        can("infection", "miscarriage", source=LABEL),
    ),
    Family(
        "calcineurin inhibitor",
        "inhibits calcineurin",
        (
            agent(
                "ciclosporin",
                "rheumatoid arthritis",
                also=(
                    _TRANSPLANT,
                    _PSORIASIS,
                ),
                no=no("uncontrolled hypertension"),
                effects=can("excess hair growth", "gingival overgrowth"),
            ),
            agent("tacrolimus", "atopic dermatitis", also=(_TRANSPLANT,), effects=can("raised glucose")),
        ),
        effects=can("acute kidney injury", "hypertension", "tremor", "high potassium", "infection")
        + can("squamous cell skin cancer"),
    ),
    Family(
        "mTOR inhibitor",
        "inhibits mTOR",
        (
            agent("sirolimus", also=(_TRANSPLANT,), effects=can("interstitial pneumonitis")),
            agent("everolimus", "renal cell carcinoma", also=(_TRANSPLANT,), effects=can("interstitial pneumonitis")),
        ),
        effects=can("mouth ulcers", "raised triglycerides", "poor wound healing", "thrombocytopenia")
        + can("angioedema"),
    ),
    Family(
        "TNF inhibitor",
        "",
        (
            agent("adalimumab", _RA, _CROHN, _PSORIASIS, "ankylosing spondylitis", source=GENERAL),
            agent("infliximab", _CROHN, _RA, "ulcerative colitis", source=GENERAL, effects=can("infusion reaction")),
            agent("etanercept", _RA, "ankylosing spondylitis", source=GENERAL),
        ),
        no("active serious infection", "untreated latent tuberculosis", "symptomatic heart failure")
        + no("demyelinating disease"),
        can("infection", "lymphoma", "drug-induced lupus", "worsening heart failure", source=LABEL),
        ("reactivation of tuberculosis",),
    ),
    Family(
        "IL-6 receptor antagonist",
        "blocks the interleukin-6 receptor",
        (agent("tocilizumab", _RA, "giant cell arteritis", source=GENERAL),),
        no("active serious infection"),
        can("infection", source=LABEL) + can("raised aminotransferases", "bowel perforation"),
    ),
    Family(
        "IL-17 inhibitor",
        "neutralises interleukin-17A",
        (agent("secukinumab", _PSORIASIS, "ankylosing spondylitis", source=GENERAL),),
        no("active bowel inflammation"),
        can("mucocutaneous candidiasis", "flare of bowel inflammation"),
    ),
    Family(
        "IL-12/23 inhibitor",
        "neutralises interleukins 12 and 23",
        (agent("ustekinumab", _PSORIASIS, _CROHN, source=GENERAL, effects=can("infection")),),
    ),
    Family(
        "JAK inhibitor",
        "inhibits Janus kinases",
        (
            agent(
                "tofacitinib",
                _RA,
                "ulcerative colitis",
                source=GENERAL,
                effects=can("reactivation of tuberculosis"),
                no=no("severe liver failure"),
            ),
            agent(
                "ruxolitinib",
                also=(
                    "myelofibrosis",
                    "polycythaemia vera",
                ),
                effects=can("anaemia", "thrombocytopenia"),
            ),
        ),
        no("active serious infection") + no("pregnancy"),
        can("herpes zoster", "infection"),
    ),
    Family(
        "B-cell depleting antibody",
        "binds CD20",
        (
            agent(
                "rituximab",
                "follicular lymphoma",
                "granulomatosis with polyangiitis",
                _RA,
                source=GENERAL,
                effects=can("progressive multifocal leukoencephalopathy"),
            ),
            agent("ocrelizumab", _MS, source=GENERAL),
        ),
        no("active serious infection"),
        can("infusion reaction", "hepatitis B reactivation", "low immunoglobulins"),
    ),
    Family(
        "sphingosine-1-phosphate modulator",
        "traps lymphocytes in lymph nodes",
        (
            agent(
                "fingolimod",
                _MS,
                effects=can("slow pulse", "infection") + can("progressive multifocal leukoencephalopathy"),
            ),
        ),
        no("second-degree heart block", "long QT interval", source=LABEL) + no("pregnancy"),
        known_for=("macular oedema",),
    ),
    Family(
        "integrin antibody",
        "blocks alpha-4 integrin",
        (agent("natalizumab", _MS, _CROHN, source=GENERAL),),
        no("immunosuppression"),
        known_for=("progressive multifocal leukoencephalopathy",),
    ),
    Family(
        "immunoglobulin",
        "",
        (agent("intravenous immunoglobulin", "Guillain-Barre syndrome", "Kawasaki disease", source=GENERAL),),
        effects=can("headache", "thrombosis", "aseptic meningitis", "acute kidney injury") + can("haemolysis"),
    ),
    Family(
        "plasma exchange",
        "",
        (agent("plasma exchange", "thrombotic thrombocytopenic purpura", "myasthenic crisis", source=GENERAL),),
        effects=can("hypotension", "low calcium"),
    ),
    Family(
        "interferon",
        "",
        (agent("interferon alfa", "polycythaemia vera", "chronic myeloid leukaemia", source=GENERAL),),
        effects=can("flu-like symptoms", "hypothyroidism", "hyperthyroidism") + can("depressed mood", source=LABEL),
    ),
)
