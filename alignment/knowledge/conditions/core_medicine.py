"""Additions to the core's conditions of the lungs, the heart, the glands, the gut and the blood."""

from alignment.knowledge.conditions.detail import Detail
from alignment.knowledge.schema import decisive, shown_by, typical

DETAILS = (
    Detail(
        "asthma",
        "spirometry with bronchodilator",
        ("reversible airflow limitation",),
        "IgE-driven airway inflammation that comes and goes",
        shown_by("spirometry with bronchodilator", "FEV1 that rises 18% after salbutamol", source="GINA")
        + typical("dry cough", "chronic cough", "runny nose", "anxiety", "raised eosinophils"),
        accepted=("salbutamol", "beclometasone", "montelukast", "omalizumab", "fluticasone-salmeterol", "fluticasone"),
    ),
    Detail(
        "COPD",
        "post-bronchodilator spirometry",
        ("persistent FEV1/FVC ratio of 0.55",),
        "smoke destroys alveolar walls and small airways",
        shown_by("post-bronchodilator spirometry", "fixed obstruction after salbutamol", source="GOLD report")
        + typical("smoking", "recurrent chest infections", "productive cough", "fatigue", "low oxygen on walking"),
        accepted=("salbutamol", "ipratropium", "salmeterol", "umeclidinium", "umeclidinium-vilanterol", "roflumilast")
        + ("formoterol",),
    ),
    Detail(
        "community-acquired pneumonia",
        "chest X-ray",
        ("lobar consolidation on X-ray",),
        "bacteria fill alveoli with pus",
        shown_by("chest X-ray", "air bronchograms in one lobe")
        + typical("confusion", "fast pulse", "chills", "fatigue", "raised CRP", "low oxygen", "loss of appetite"),
        also_tests=("sputum smear and culture",),
        accepted=("clarithromycin", "levofloxacin", "moxifloxacin", "cefotaxime", "amoxicillin-clavulanate"),
    ),
    Detail(
        "pulmonary tuberculosis",
        "sputum smear and culture",
        ("acid-fast bacilli in sputum", "caseating granulomas"),
        "slow bacilli walled off in caseating granulomas",
        decisive("cough for two months after sharing a cell with a coughing inmate")
        + typical("fatigue", "productive cough", "loss of appetite", "swollen neck glands", "raised CRP"),
        accepted=(
            "rifampicin",
            "pyrazinamide",
            "ethambutol",
        ),
    ),
    Detail(
        "pulmonary embolism",
        "CT pulmonary angiography",
        ("filling defect on CT angiography",),
        "a venous clot lodges in the pulmonary arteries",
        shown_by("CT pulmonary angiography", "wedge-shaped lung infarct with a cut-off artery")
        + typical(
            "fainting", "low oxygen", "anxiety", "swollen leg", "recent surgery", "recent hospital stay", "dry cough"
        )
        + typical("low blood pressure", "chest pain"),
        accepted=("rivaroxaban", "heparin", "warfarin", "dabigatran", "edoxaban", "alteplase", "tenecteplase"),
    ),
    Detail(
        "influenza",
        "nasal swab PCR",
        (),
        "orthomyxovirus strips the airway epithelium",
        shown_by("nasal swab PCR", "haemagglutinin RNA in the swab", "orthomyxovirus antigen in the nose")
        + decisive("whole office in bed with aches and cough within two winter days")
        + typical("fatigue", "runny nose", "chills", "loss of appetite"),
        accepted=("zanamivir", "baloxavir", "peramivir"),
        dropped=("positive influenza PCR", "contact with an influenza case"),
    ),
    Detail(
        "pertussis",
        "nasopharyngeal PCR",
        ("marked lymphocytosis",),
        "toxin-making coccobacilli paralyse airway cilia",
        shown_by("nasopharyngeal PCR", "Bordetella DNA in the nose", source="CDC")
        + typical("sore throat", "fatigue", "poor sleep", "vomiting"),
        difficulty=2,
        accepted=("clarithromycin", "erythromycin"),
    ),
    Detail(
        "heart failure with reduced ejection fraction",
        "echocardiography",
        ("ejection fraction of 28%",),
        "weak systolic contraction with neurohormonal activation",
        shown_by("echocardiography", "dilated ventricle with global hypokinesia")
        + typical("hypertension", "dry cough", "weight gain", "getting up at night to void", "distended neck veins")
        + typical("dizziness", "breathlessness at rest"),
        accepted=("bisoprolol", "carvedilol", "enalapril", "lisinopril", "ramipril", "dapagliflozin", "empagliflozin")
        + ("furosemide", "losartan", "valsartan", "candesartan", "ivabradine", "digoxin", "captopril", "bumetanide")
        + ("perindopril",),
    ),
    Detail(
        "atrial fibrillation",
        "12-lead ECG",
        ("absent P waves", "fibrillating baseline on ECG"),
        "re-entrant wavelets of the pulmonary veins and atria",
        decisive("pulse deficit between wrist and apex")
        + typical("hypertension", "fainting", "anxiety", "heavy drinking", "chest tightness"),
        accepted=(
            "bisoprolol",
            "digoxin",
            "amiodarone",
            "atenolol",
            "rivaroxaban",
            "warfarin",
            "flecainide",
            "esmolol",
            "dabigatran",
            "dronedarone",
            "sotalol",
            "propafenone",
            "edoxaban",
            "carvedilol",
        ),
        equal=True,
    ),
    Detail(
        "supraventricular tachycardia",
        "12-lead ECG",
        ("regular narrow-complex rate of 180",),
        "re-entry through a second nodal pathway",
        shown_by("12-lead ECG", "P waves hidden in narrow complexes")
        + typical("sweating", "fainting", "chest pain", "normal examination", "breathlessness at rest"),
        accepted=("esmolol", "flecainide", "bisoprolol", "atenolol", "amiodarone"),
    ),
    Detail(
        "stable angina",
        "exercise stress test",
        ("ST depression on exercise",),
        "fixed coronary plaque limits flow on effort",
        shown_by("exercise stress test", "reversible perfusion defect")
        + typical("sweating", "fatigue", "diabetes for years", "obesity", "palpitations"),
        accepted=(
            "bisoprolol",
            "atenolol",
            "glyceryl trinitrate",
            "isosorbide mononitrate",
            "ivabradine",
            "ranolazine",
            "nicorandil",
            "aspirin",
            "nifedipine",
            "isosorbide dinitrate",
            "carvedilol",
        ),
        equal=True,
    ),
    Detail(
        "acute pericarditis",
        "12-lead ECG",
        ("widespread saddle ST elevation",),
        "viral inflammation of the pericardial layers",
        shown_by("12-lead ECG", "PR depression in most leads", source="ESC 2015")
        + typical(
            "chest tightness", "muscle aches", "palpitations", "raised troponin", "raised white cells", "fatigue"
        ),
        accepted=("colchicine", "aspirin", "indometacin", "anakinra"),
    ),
    Detail(
        "familial hypercholesterolaemia",
        "LDLR gene test",
        ("LDL receptor mutation",),
        "defective hepatic uptake of LDL particles",
        shown_by("LDLR gene test", "pathogenic LDLR variant in father and child")
        + decisive("knuckle xanthomas in a slim young adult")
        + typical("chest tightness", "leg pain", "sudden death in the family"),
        accepted=("rosuvastatin", "ezetimibe", "evolocumab", "alirocumab", "simvastatin", "pravastatin"),
    ),
    Detail(
        "type 2 diabetes",
        "HbA1c",
        ("HbA1c of 8.4%", "fasting glucose of 11 without ketones"),
        "insulin resistance with a tired beta cell",
        decisive("slow-healing foot and pins and needles in an overweight adult with dark neck folds")
        + typical("hypertension", "getting up at night to void", "high cholesterol", "tingling feet", "leg ulcers")
        + typical("erectile dysfunction", "high blood glucose", "dry mouth"),
        accepted=(
            "gliclazide",
            "glimepiride",
            "sitagliptin",
            "empagliflozin",
            "dapagliflozin",
            "liraglutide",
            "tirzepatide",
        )
        + (
            "pioglitazone",
            "glipizide",
            "insulin glargine",
            "canagliflozin",
            "dulaglutide",
            "glibenclamide",
            "acarbose",
        ),
    ),
    Detail(
        "diabetic ketoacidosis",
        "blood ketones with venous gas",
        ("ketones of 6 with acid blood",),
        "absolute lack of insulin with unbridled ketogenesis",
        shown_by("blood ketones with venous gas", "bicarbonate of 9 with ketones")
        + typical(
            "fatigue", "confusion", "fast pulse", "drowsiness", "low blood pressure", "nausea", "high blood glucose"
        )
        + typical("blurred vision", "dry mouth"),
        accepted=("insulin glargine", "isotonic saline", "insulin lispro", "insulin aspart"),
    ),
    Detail(
        "hypothyroidism",
        "TSH with free T4",
        ("raised TSH with low T4",),
        "autoimmune destruction of thyroid follicles",
        shown_by("TSH with free T4", "TSH of 48")
        + typical(
            "low mood", "muscle cramps", "hoarse voice", "dry skin", "heavy periods", "high cholesterol", "hair loss"
        )
        + typical("tingling hands", "memory loss", "daytime sleepiness"),
        accepted=("liothyronine",),
    ),
    Detail(
        "Graves disease",
        "TSH receptor antibody test",
        ("TSH receptor antibodies",),
        "antibodies stimulate the TSH receptor",
        shown_by("TSH receptor antibody test", "suppressed TSH with stimulating antibodies")
        + typical(
            "sweating", "fast pulse", "poor sleep", "fatigue", "muscle weakness", "missed periods", "restlessness"
        )
        + typical(
            "hair loss",
        ),
        accepted=("carbimazole", "radioiodine", "atenolol"),
    ),
    Detail(
        "primary adrenal insufficiency",
        "Synacthen test",
        ("failed Synacthen test",),
        "autoimmune destruction of the adrenal cortex",
        shown_by("Synacthen test", "flat cortisol with high ACTH", source="Endocrine Society 2016")
        + typical(
            "dizziness", "nausea", "low sodium", "loss of appetite", "muscle weakness", "fainting", "raised potassium"
        )
        + typical("low mood", "muscle aches"),
        accepted=("fludrocortisone", "prednisone", "prednisolone", "dexamethasone"),
    ),
    Detail(
        "primary aldosteronism",
        "aldosterone-renin ratio",
        ("raised aldosterone-renin ratio", "suppressed renin"),
        "aldosterone from the adrenal runs free of renin",
        decisive("blood pressure that resists four drugs with a low potassium")
        + typical("low potassium", "muscle cramps", "thirst", "getting up at night to void", "palpitations"),
        difficulty=2,
        accepted=(
            "amiloride",
            "adrenalectomy",
        ),
    ),
    Detail(
        "prolactinoma",
        "prolactin with pituitary MRI",
        ("prolactin of 9000", "pituitary mass with high prolactin"),
        "lactotroph adenoma suppresses gonadotrophins",
        decisive("milk on the blouse of a woman who never gave birth")
        + typical("fatigue", "vaginal dryness", "low mood", "weight gain", "blurred vision"),
        accepted=("quinagolide",),
    ),
    Detail(
        "phaeochromocytoma",
        "plasma metanephrines",
        ("raised plasma metanephrines", "bright adrenal mass on MRI"),
        "chromaffin tumour secretes catecholamines",
        decisive("pressure that soars during anaesthesia with a pounding head")
        + typical("sweating", "weight loss", "fast pulse", "chest pain", "nausea", "high blood glucose"),
        difficulty=2,
        accepted=("doxazosin", "nifedipine", "prazosin", "metyrosine", "adrenalectomy"),
    ),
    Detail(
        "gastro-oesophageal reflux disease",
        "oesophageal pH monitoring",
        ("oesophageal acid exposure above 6%",),
        "lax lower oesophageal sphincter",
        shown_by("oesophageal pH monitoring", "acid events that match the symptoms")
        + typical("chronic cough", "chest pain", "trouble swallowing", "poor sleep", "nausea", "bloating", "heartburn"),
        also_tests=("upper endoscopy",),
        accepted=(
            "esomeprazole",
            "lansoprazole",
            "pantoprazole",
            "rabeprazole",
            "vonoprazan",
            "ranitidine",
            "metoclopramide",
        ),
    ),
    Detail(
        "ulcerative colitis",
        "colonoscopy with biopsies",
        ("continuous inflammation from the rectum", "crypt abscesses on biopsy"),
        "mucosal immune attack confined to the colon",
        decisive("ten bloody motions a day since giving up smoking")
        + typical("watery diarrhoea", "joint pain", "low haemoglobin", "raised faecal calprotectin", "mild fever")
        + typical("red painful eye", "loss of appetite", "tender red shin nodules"),
        also_tests=("ileocolonoscopy with biopsy",),
        accepted=("infliximab", "vedolizumab", "tofacitinib", "ciclosporin", "ustekinumab", "upadacitinib", "ozanimod"),
    ),
    Detail(
        "Clostridioides difficile infection",
        "stool toxin assay",
        ("positive stool toxin test", "colonic pseudomembranes"),
        "spores bloom and toxins A and B inflame the colon",
        decisive("foul green stools in three patients of one ward")
        + typical("loss of appetite", "nausea", "raised creatinine", "raised CRP", "low albumin"),
        accepted=("metronidazole", "bezlotoxumab", "vancomycin"),
    ),
    Detail(
        "primary biliary cholangitis",
        "antimitochondrial antibody test",
        ("antimitochondrial antibodies", "florid bile duct lesions", "raised IgM with raised ALP"),
        "T cells destroy small intrahepatic bile ducts",
        decisive(
            "itch for two years in a woman with fatty eyelid spots", "melanosis with itch and an autoimmune thyroid"
        )
        + typical("joint pain", "raised ALP", "high cholesterol", "dry mouth", "bone pain", "dark urine", "poor sleep"),
        difficulty=2,
        accepted=("obeticholic acid", "colestyramine", "bezafibrate", "rifampicin", "naltrexone", "fenofibrate"),
    ),
    Detail(
        "hepatic encephalopathy",
        "serum ammonia with liver work-up",
        ("raised ammonia",),
        "gut ammonia bypasses the failing liver",
        shown_by("serum ammonia with liver work-up", "triphasic waves in cirrhosis")
        + typical("heavy drinking", "memory loss", "slurred speech", "unsteady walking", "black stools", "low albumin"),
        accepted=("L-ornithine L-aspartate", "neomycin", "metronidazole"),
    ),
    Detail(
        "Wilson disease",
        "caeruloplasmin with urinary copper",
        ("low caeruloplasmin", "high urinary copper"),
        "defective biliary excretion of copper",
        decisive("golden-brown rim of the cornea with a wing-beating arm")
        + typical(
            "raised transaminases", "trouble swallowing", "unsteady walking", "low mood", "joint pain", "ascites"
        ),
        difficulty=2,
        accepted=("zinc acetate",),
        equal=True,
    ),
    Detail(
        "iron deficiency anaemia",
        "serum ferritin",
        ("low ferritin",),
        "lack of iron for haem synthesis",
        shown_by("serum ferritin", "ferritin of 6")
        + typical("palpitations", "headache", "hair loss", "dizziness", "fast pulse", "poor sleep"),
        accepted=("ferric carboxymaltose", "ferrous fumarate", "iron sucrose"),
    ),
    Detail(
        "pernicious anaemia",
        "intrinsic factor antibody test",
        ("intrinsic factor antibodies", "hypersegmented neutrophils"),
        "autoimmune loss of intrinsic factor",
        decisive("unsteady in the dark with a lemon tint and premature grey hair")
        + typical("weight loss", "unsteady walking", "memory loss", "loss of appetite", "palpitations", "jaundice")
        + typical("low mood", "breathlessness on exertion"),
        accepted=("vitamin B12 injections",),
    ),
    Detail(
        "immune thrombocytopenia",
        "platelet count with blood film",
        ("platelet count of 12", "isolated low count of big platelets"),
        "antibody-coated platelets are cleared by the spleen",
        decisive("blood blisters in the mouth of a well young woman")
        + typical("heavy bleeding", "low platelets", "bleeding after tooth removal", "fatigue", "rash"),
        also_tests=("blood film",),
        accepted=(
            "dexamethasone",
            "eltrombopag",
            "romiplostim",
            "rituximab",
            "methylprednisolone",
            "anti-D immunoglobulin",
        ),
    ),
    Detail(
        "chronic myeloid leukaemia",
        "BCR-ABL PCR",
        ("Philadelphia chromosome", "BCR-ABL transcript"),
        "fusion kinase drives granulocyte growth",
        decisive("early fullness from a spleen below the navel with a count of 180")
        + typical("loss of appetite", "low haemoglobin", "sweating", "pale skin", "bone pain"),
        accepted=("dasatinib", "nilotinib", "bosutinib", "asciminib", "ponatinib", "peginterferon alfa"),
    ),
    Detail(
        "haemophilia A",
        "factor VIII assay",
        ("factor VIII level of 1%", "long APTT since birth"),
        "X-linked lack of a clotting cofactor",
        decisive("knee that filled with blood after a stumble in a boyhood bleeder")
        + typical("nosebleeds", "leg pain", "heavy bleeding", "blood in urine", "joint pain at night"),
        accepted=("emicizumab",),
    ),
    Detail(
        "heparin-induced thrombocytopenia",
        "PF4 antibody test",
        ("PF4 antibodies",),
        "antibodies to PF4-heparin activate platelets",
        shown_by("PF4 antibody test", "serotonin release with therapeutic heparin")
        + typical("low platelets", "leg pain", "chest pain", "breathlessness at rest", "raised D-dimer", "skin ulcer"),
        difficulty=2,
        accepted=("fondaparinux", "rivaroxaban", "danaparoid", "dabigatran"),
        equal=True,
    ),
    Detail(
        "sickle cell disease",
        "sickle solubility and electrophoresis",
        ("haemoglobin S on electrophoresis", "sickle-shaped red cells"),
        "deoxygenated haemoglobin polymerises",
        decisive("swollen fingers as a baby and bone pain with every chill")
        + typical(
            "bone pain", "fatigue", "pale skin", "chest pain", "recurrent chest infections", "dark urine", "leg pain"
        ),
        also_tests=("haemoglobin electrophoresis",),
        accepted=("L-glutamine", "crizanlizumab", "voxelotor"),
    ),
    Detail(
        "von Willebrand disease type 1",
        "von Willebrand factor assay",
        ("low von Willebrand antigen", "low ristocetin cofactor"),
        "too little of the glue between platelet and wall",
        decisive("nosebleeds over 20 minutes in three generations of both sexes")
        + typical("heavy bleeding", "low haemoglobin", "fatigue", "pale skin"),
        accepted=("tranexamic acid",),
    ),
)
