"""Conditions of the joints, the bones and the connective tissue beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "polymyalgia rheumatica",
        "rheumatology",
        decisive(
            "arms too stiff to comb the hair each morning",
            "girdle stiffness that melts within days of low-dose steroid",
        )
        + shown_by(
            "shoulder ultrasound with ESR", "bursitis of both shoulders with an ESR of 80", source="EULAR/ACR 2012"
        )
        + shown_by("shoulder ultrasound with ESR", "biceps tenosynovitis on both sides")
        + typical("morning stiffness", "shoulder stiffness", "fatigue", "weight loss", "raised CRP", "low mood")
        + typical("mild fever", "night sweats", "loss of appetite", "poor sleep"),
        "prednisone",
        "EULAR/ACR 2015",
        also_accepted=("methotrexate", "tocilizumab", "sarilumab"),
        ages=(60, 80),
        test="shoulder ultrasound with ESR",
        mechanism="sterile inflammation of bursae around the girdles",
    ),
    Condition(
        "primary Sjögren syndrome",
        "rheumatology",
        decisive(
            "gritty eyes with decayed teeth and swollen parotids", "biscuits that cannot be swallowed without water"
        )
        + shown_by("anti-Ro antibodies with Schirmer test", "anti-Ro antibodies", source="ACR/EULAR 2016")
        + shown_by("anti-Ro antibodies with Schirmer test", "Schirmer strip wet for only 2 mm")
        + typical("dry eyes", "dry mouth", "fatigue", "joint pain", "trouble swallowing", "vaginal dryness")
        + typical("tingling feet", "morning stiffness", "swollen neck glands"),
        "pilocarpine",
        "EULAR 2020",
        also_accepted=("cevimeline", "hydroxychloroquine", "ciclosporin"),
        aim="for dryness",
        sex="female",
        ages=(35, 70),
        test="anti-Ro antibodies with Schirmer test",
        also_tests=("salivary gland biopsy",),
        mechanism="lymphocytes destroy tear and salivary glands",
    ),
    Condition(
        "scleroderma renal crisis",
        "rheumatology",
        decisive(
            "tight shiny hands with a sudden pressure of 210", "headache after weeks of steroids for thickened skin"
        )
        + shown_by("urinalysis with blood film and creatinine", "schistocytes with RNA polymerase III antibodies")
        + shown_by("urinalysis with blood film and creatinine", "creatinine that doubles in days in hardened skin")
        + typical("hypertension", "headache", "raised creatinine", "blurred vision", "breathlessness at rest")
        + typical("fatigue", "heartburn", "cold white fingers", "joint pain", "protein in urine"),
        "captopril",
        "EULAR 2023",
        also_accepted=("enalapril", "lisinopril", "ramipril", "amlodipine"),
        ages=(35, 70),
        test="urinalysis with blood film and creatinine",
        mechanism="renal arteriolar injury with a surge of renin",
        difficulty=3,
    ),
    Condition(
        "dermatomyositis",
        "rheumatology",
        decisive("violet rash of the eyelids", "scaly papules over the knuckles with weak thighs")
        + shown_by("creatine kinase with muscle biopsy", "perifascicular atrophy", source="EULAR/ACR 2017")
        + shown_by("creatine kinase with muscle biopsy", "anti-Mi-2 antibodies with a high creatine kinase")
        + typical("muscle weakness", "fatigue", "trouble swallowing", "rash", "joint pain", "weight loss")
        + typical("breathlessness on exertion", "raised creatine kinase", "muscle aches", "cold white fingers"),
        "prednisone",
        GENERAL,
        also_accepted=(
            "methotrexate",
            "azathioprine",
            "intravenous immunoglobulin",
            "rituximab",
            "hydroxychloroquine",
            "mycophenolate",
            "methylprednisolone",
        ),
        ages=(30, 65),
        test="creatine kinase with muscle biopsy",
        mechanism="complement attack on muscle capillaries",
    ),
    Condition(
        "granulomatosis with polyangiitis",
        "rheumatology",
        decisive("crusting nose with a collapsed bridge", "bloody nasal crusts with red cell casts")
        + shown_by("ANCA with tissue biopsy", "antibodies to proteinase 3", source="ACR/VF 2021")
        + shown_by("ANCA with tissue biopsy", "necrotising granulomas around small vessels")
        + typical("chronic sinusitis", "haemoptysis", "blood in urine", "fatigue", "weight loss", "fever")
        + typical("joint pain", "raised creatinine", "raised CRP", "hearing loss", "night sweats"),
        "rituximab",
        "ACR/VF 2021",
        also_accepted=("cyclophosphamide", "prednisone", "methylprednisolone", "avacopan", "methotrexate"),
        aim="together with steroids",
        ages=(30, 75),
        test="ANCA with tissue biopsy",
        mechanism="ANCA-activated neutrophils injure small vessels",
    ),
    Condition(
        "septic arthritis",
        "rheumatology",
        decisive("one hot knee that cannot be moved at all", "prosthetic joint that weeps pus")
        + shown_by("joint aspiration", "eighty thousand neutrophils in joint fluid", source="BSR 2006")
        + shown_by("joint aspiration", "Gram-positive cocci in joint fluid", source="BSR 2006")
        + typical("swollen joint", "fever", "joint pain", "raised CRP", "raised white cells", "fast pulse")
        + typical("injection drug use", "sweating", "diabetes for years", "chills"),
        "flucloxacillin",
        "BSR 2006",
        (Alternative("penicillin anaphylaxis", "vancomycin", GENERAL),),
        also_accepted=("ceftriaxone", "cefazolin", "clindamycin"),
        aim="after aspiration and washout",
        ages=(20, 80),
        test="joint aspiration",
        mechanism="bacteria multiply in the synovial space",
        difficulty=1,
    ),
    Condition(
        "Paget disease of bone",
        "rheumatology",
        decisive("hat size that grew by two", "warm bowed shin with deafness")
        + shown_by("bone scan with alkaline phosphatase", "isolated high bone alkaline phosphatase")
        + shown_by("bone scan with alkaline phosphatase", "intense uptake in an enlarged half pelvis")
        + typical("bone pain", "hearing loss", "headache", "raised ALP", "back pain", "joint pain")
        + typical("unsteady walking"),
        "zoledronic acid",
        "Endocrine Society 2014",
        (Alternative("kidney failure", "calcitonin", GENERAL),),
        also_accepted=("alendronate", "risedronate", "pamidronate"),
        ages=(60, 80),
        test="bone scan with alkaline phosphatase",
        mechanism="overactive osteoclasts and chaotic new bone",
    ),
    Condition(
        "osteomalacia",
        "rheumatology",
        decisive("waddling walk in a veiled woman", "sore ribs and shins after years without sunlight")
        + shown_by("25-hydroxyvitamin D level", "vitamin D of 12 nmol/L")
        + shown_by("25-hydroxyvitamin D level", "Looser zones with a low vitamin D")
        + typical("bone pain", "muscle weakness", "fatigue", "raised ALP", "back pain", "low mood", "muscle cramps")
        + typical("tingling hands", "unsteady walking"),
        "colecalciferol",
        GENERAL,
        sex="female",
        ages=(25, 75),
        test="25-hydroxyvitamin D level",
        mechanism="new bone matrix is not mineralised",
        difficulty=1,
    ),
    Condition(
        "antiphospholipid syndrome",
        "rheumatology",
        decisive("three late miscarriages with a net-like rash", "second clot in a young woman with a long APTT")
        + shown_by("lupus anticoagulant and cardiolipin antibodies", "lupus anticoagulant twice in twelve weeks")
        + shown_by("lupus anticoagulant and cardiolipin antibodies", "high-titre cardiolipin antibodies")
        + typical("swollen leg", "leg pain", "low platelets", "headache", "infertility", "joint pain")
        + typical("breathlessness on exertion", "slurred speech"),
        "warfarin",
        "EULAR 2019",
        (Alternative("pregnancy", "enoxaparin", "EULAR 2019"),),
        also_accepted=("heparin", "aspirin", "hydroxychloroquine"),
        aim="after thrombosis",
        sex="female",
        ages=(20, 45),
        test="lupus anticoagulant and cardiolipin antibodies",
        mechanism="antibodies to beta-2 glycoprotein I promote clotting",
    ),
    Condition(
        "Behçet disease",
        "rheumatology",
        decisive("scarring scrotal ulcers with sore eyes", "pustule wherever a needle went in")
        + shown_by("pathergy test with HLA typing", "positive pathergy test", source="ICBD 2014")
        + shown_by("pathergy test with HLA typing", "HLA-B51 with a papule at the needle site")
        + typical("mouth ulcers", "red painful eye", "joint pain", "tender red shin nodules", "fatigue", "headache")
        + typical("swollen leg", "abdominal pain", "raised CRP"),
        "colchicine",
        "EULAR 2018",
        also_accepted=("apremilast", "azathioprine", "adalimumab", "infliximab", "ciclosporin"),
        aim="for mucocutaneous disease",
        sex="male",
        ages=(20, 45),
        test="pathergy test with HLA typing",
        mechanism="neutrophil-driven vasculitis of arteries and veins",
        difficulty=3,
    ),
    Condition(
        "psoriatic arthritis",
        "rheumatology",
        decisive("sausage-like toe with pitted nails", "swollen end joints beside silvery elbows")
        + shown_by("hand and foot X-ray", "pencil-in-cup deformity", source="CASPAR")
        + shown_by("hand and foot X-ray", "fluffy new bone at the joint margins")
        + typical("morning stiffness", "swollen joint", "joint pain", "heel pain", "back pain", "fatigue", "obesity")
        + typical("raised CRP", "red painful eye"),
        "adalimumab",
        "ACR/NPF 2018",
        also_accepted=(
            "methotrexate",
            "etanercept",
            "infliximab",
            "naproxen",
            "ibuprofen",
            "sulfasalazine",
            "apremilast",
        )
        + ("secukinumab", "leflunomide", "ustekinumab", "tofacitinib"),
        aim="for active disease without earlier treatment",
        ages=(30, 60),
        test="hand and foot X-ray",
        mechanism="IL-23 and TNF inflame entheses and joints",
    ),
    Condition(
        "fibromyalgia",
        "rheumatology",
        decisive("pain on light touch all over for years", "unrefreshing sleep with pain in all four quarters")
        + shown_by("widespread pain index", "widespread pain index of 14", source="ACR 2016")
        + shown_by("widespread pain index", "high symptom severity score with normal blood tests")
        + typical("fatigue", "poor sleep", "muscle aches", "headache", "low mood", "morning stiffness", "anxiety")
        + typical("normal examination", "memory loss", "back pain"),
        "graded aerobic exercise",
        "EULAR 2016",
        also_accepted=("duloxetine", "pregabalin", "amitriptyline", "gabapentin", "milnacipran", "venlafaxine"),
        aim="before any drug",
        ages=(25, 60),
        test="widespread pain index",
        mechanism="central sensitisation to pain",
    ),
)
