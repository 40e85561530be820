"""Conditions of the kidneys and the urinary tract beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "minimal change disease",
        "nephrology and urology",
        decisive("puffy eyes and froth within days of a bee sting", "swelling that melts within two weeks of steroids")
        + shown_by("kidney biopsy", "normal light microscopy with effaced podocytes", source="KDIGO 2021")
        + shown_by("kidney biopsy", "no deposits with selective albuminuria")
        + typical("ankle swelling", "protein in urine", "fatigue", "low albumin", "high cholesterol", "weight gain")
        + typical("abdominal pain", "ascites"),
        "prednisone",
        "KDIGO 2021",
        (Alternative("steroid psychosis", "tacrolimus", "KDIGO 2021"),),
        also_accepted=("ciclosporin", "cyclophosphamide", "rituximab", "furosemide"),
        ages=(18, 45),
        test="kidney biopsy",
        mechanism="T-cell factor strips podocyte foot processes",
    ),
    Condition(
        "primary membranous nephropathy",
        "nephrology and urology",
        decisive("slow swelling with a renal vein clot", "froth in the urine for a year with white nails")
        + shown_by("anti-PLA2R antibodies", "PLA2R antibodies", source="KDIGO 2021")
        + shown_by("anti-PLA2R antibodies", "spikes of the basement membrane with a positive serology")
        + typical("ankle swelling", "protein in urine", "fatigue", "low albumin", "high cholesterol", "hypertension")
        + typical("weight gain", "swollen leg", "loss of appetite"),
        "rituximab",
        "KDIGO 2021",
        also_accepted=(
            "cyclophosphamide",
            "tacrolimus",
            "ciclosporin",
            "lisinopril",
            "ramipril",
            "losartan",
            "prednisone",
        ),
        aim="at high risk of progression",
        sex="male",
        ages=(40, 70),
        test="anti-PLA2R antibodies",
        also_tests=("kidney biopsy",),
        mechanism="antibodies to a podocyte antigen",
    ),
    Condition(
        "IgA nephropathy",
        "nephrology and urology",
        decisive("cola urine on the second day of a sore throat", "red urine with every cold since school")
        + shown_by("kidney biopsy with immunofluorescence", "mesangial IgA deposits", source="KDIGO 2021")
        + shown_by("kidney biopsy with immunofluorescence", "mesangial proliferation with IgA and C3")
        + typical("blood in urine", "hypertension", "protein in urine", "sore throat", "back pain", "fatigue")
        + typical("raised creatinine", "normal examination"),
        "ramipril",
        "KDIGO 2021",
        (Alternative("past angioedema", "losartan", GENERAL, equal=True),),
        also_accepted=(
            "lisinopril",
            "enalapril",
            "perindopril",
            "captopril",
            "budesonide",
            "dapagliflozin",
            "prednisone",
        )
        + ("sparsentan", "irbesartan", "valsartan", "candesartan"),
        aim="for proteinuria",
        sex="male",
        ages=(18, 40),
        test="kidney biopsy with immunofluorescence",
        also_tests=("kidney biopsy",),
        mechanism="under-galactosylated antibodies lodge in the mesangium",
    ),
    Condition(
        "anti-GBM disease",
        "nephrology and urology",
        decisive(
            "coughing blood and no urine within one week in a young smoker",
            "haemorrhage of the lungs with casts after petrol fumes",
        )
        + shown_by("anti-GBM antibodies with biopsy", "linear IgG along the basement membrane", source="KDIGO 2021")
        + shown_by("anti-GBM antibodies with biopsy", "antibodies to type IV collagen", source="KDIGO 2021")
        + typical("haemoptysis", "blood in urine", "raised creatinine", "breathlessness at rest", "fatigue", "smoking")
        + typical("low haemoglobin", "fever", "protein in urine", "nausea"),
        "plasma exchange",
        "KDIGO 2021",
        also_accepted=(
            "cyclophosphamide",
            "prednisone",
            "methylprednisolone",
            "rituximab",
        ),
        aim="together with cyclophosphamide and steroids",
        ages=(18, 40),
        test="anti-GBM antibodies with biopsy",
        also_tests=("kidney biopsy",),
        mechanism="antibodies to type IV collagen of lung and kidney",
    ),
    Condition(
        "autosomal dominant polycystic kidney disease",
        "nephrology and urology",
        decisive("knobbly masses in both flanks", "mother on dialysis and uncle with a burst brain aneurysm")
        + shown_by("kidney ultrasound", "dozens of cysts in both kidneys", source="KDIGO 2025")
        + shown_by("kidney ultrasound", "kidneys of 19 cm with liver cysts")
        + typical("hypertension", "back pain", "blood in urine", "raised creatinine", "abdominal pain", "fatigue")
        + typical("headache", "getting up at night to void", "protein in urine"),
        "tolvaptan",
        "KDIGO 2025",
        (Alternative("severe liver failure", "ramipril", GENERAL),),
        also_accepted=("lisinopril", "losartan", "enalapril", "octreotide"),
        aim="to slow cyst growth in rapid progression",
        ages=(25, 55),
        test="kidney ultrasound",
        mechanism="polycystin defect makes tubules balloon",
    ),
    Condition(
        "ureteric stone",
        "nephrology and urology",
        decisive("writhing with pain from the loin to the groin", "colic that comes in waves with a past passed stone")
        + shown_by("low-dose CT without contrast", "5 mm stone at the vesicoureteric junction", source="EAU 2024")
        + shown_by("low-dose CT without contrast", "hydroureter above a calcified body")
        + typical("blood in urine", "vomiting", "back pain", "nausea", "sweating", "restlessness", "abdominal pain")
        + typical("frequent urination", "no fever"),
        "diclofenac",
        "EAU 2024",
        (Alternative("kidney failure", "paracetamol", "EAU 2024"),),
        also_accepted=("ibuprofen", "naproxen", "ketorolac", "tamsulosin", "indometacin"),
        aim="for pain",
        ages=(25, 65),
        test="low-dose CT without contrast",
        also_tests=("kidney ultrasound", "CT of the abdomen"),
        mechanism="a crystal mass obstructs the ureter",
        difficulty=1,
    ),
    Condition(
        "rhabdomyolysis",
        "nephrology and urology",
        decisive("found on the floor after two days with tense calves", "tea-coloured urine the day after a marathon")
        + shown_by("creatine kinase with urine myoglobin", "creatine kinase of 48000")
        + shown_by("creatine kinase with urine myoglobin", "dipstick blood without red cells")
        + typical("muscle aches", "muscle weakness", "dark urine", "raised creatinine", "raised creatine kinase")
        + typical("nausea", "confusion", "fever", "raised potassium", "leg pain"),
        "isotonic saline",
        GENERAL,
        also_accepted=("lactated Ringer solution", "sodium bicarbonate"),
        aim="at once and in volume",
        ages=(20, 75),
        test="creatine kinase with urine myoglobin",
        mechanism="muscle pigment blocks renal tubules",
        difficulty=1,
    ),
    Condition(
        "acute interstitial nephritis",
        "nephrology and urology",
        decisive(
            "rash and failing kidneys ten days after a new antibiotic",
            "creatinine that rose on a proton pump inhibitor with aching loins",
        )
        + shown_by("urine microscopy with kidney biopsy", "white cell casts without bacteria")
        + shown_by("urine microscopy with kidney biopsy", "eosinophils between the tubules")
        + typical("fever", "rash", "raised creatinine", "joint pain", "raised eosinophils", "back pain", "nausea")
        + typical("protein in urine", "fatigue", "loss of appetite"),
        "withdrawal of the culprit drug",
        GENERAL,
        also_accepted=("prednisone", "methylprednisolone"),
        aim="before all else",
        ages=(30, 80),
        test="urine microscopy with kidney biopsy",
        also_tests=("kidney biopsy",),
        mechanism="drug-specific T cells inflame the interstitium",
    ),
    Condition(
        "lithium-induced nephrogenic diabetes insipidus",
        "nephrology and urology",
        decisive(
            "six litres of urine a day after ten years of a mood stabiliser",
            "pale urine by the litre in a bipolar patient",
        )
        + shown_by("desmopressin challenge", "urine that stays dilute after desmopressin")
        + shown_by("desmopressin challenge", "high copeptin with dilute urine")
        + typical("thirst", "frequent urination", "getting up at night to void", "high sodium", "fatigue", "tremor")
        + typical("dizziness", "poor sleep", "raised creatinine"),
        "amiloride",
        GENERAL,
        also_accepted=("hydrochlorothiazide", "indometacin"),
        aim="if the causal drug must go on",
        ages=(30, 70),
        test="desmopressin challenge",
        mechanism="collecting ducts lose aquaporin-2",
    ),
    Condition(
        "testicular torsion",
        "nephrology and urology",
        decisive("high-lying horizontal testis", "sudden scrotal pain that woke him without a cremasteric reflex")
        + shown_by("scrotal Doppler ultrasound", "no flow in one testis", source="EAU 2024")
        + shown_by("scrotal Doppler ultrasound", "whirlpool of the spermatic cord")
        + typical("vomiting", "abdominal pain", "nausea", "no fever", "restlessness", "sweating", "scrotal swelling")
        + typical(
            "pain in brief bursts",
        ),
        "surgical detorsion",
        "EAU 2024",
        sex="male",
        ages=(18, 28),
        test="scrotal Doppler ultrasound",
        mechanism="twisted cord cuts off arterial flow",
        difficulty=1,
    ),
    Condition(
        "acute bacterial prostatitis",
        "nephrology and urology",
        decisive("exquisitely tender boggy prostate", "rigors with pain behind the scrotum and a stuttering stream")
        + shown_by("midstream urine culture without massage", "coliforms in urine with a PSA of 40", source="EAU 2024")
        + shown_by("midstream urine culture without massage", "pyuria with a hot swollen gland on ultrasound")
        + typical("fever", "burning on urination", "frequent urination", "back pain", "chills", "raised white cells")
        + typical("pelvic pain", "urgency to void", "raised CRP", "muscle aches"),
        "ciprofloxacin",
        "NICE NG110",
        (Alternative("long QT interval", "co-trimoxazole", GENERAL),),
        also_accepted=(
            "levofloxacin",
            "ofloxacin",
            "ceftriaxone",
            "gentamicin",
            "piperacillin-tazobactam",
            "trimethoprim",
        ),
        sex="male",
        ages=(25, 75),
        test="midstream urine culture without massage",
        mechanism="coliforms reflux into prostatic ducts",
        difficulty=1,
    ),
    Condition(
        "distal renal tubular acidosis",
        "nephrology and urology",
        decisive(
            "alkaline urine with chalky kidneys in dry-eye disease", "phosphate stones with weakness that alkali cures"
        )
        + shown_by("urine pH with anion gap", "urine pH of 6.8 in a normal gap acidosis")
        + shown_by("urine pH with anion gap", "nephrocalcinosis with low bicarbonate and alkaline urine")
        + typical("muscle weakness", "low potassium", "bone pain", "back pain", "fatigue", "dry mouth", "constipation")
        + typical("loss of appetite", "blood in urine", "dry eyes"),
        "potassium citrate",
        GENERAL,
        also_accepted=("sodium bicarbonate",),
        sex="female",
        ages=(25, 60),
        test="urine pH with anion gap",
        mechanism="collecting ducts cannot secrete acid",
        difficulty=3,
    ),
)
