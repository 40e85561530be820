"""Infections and conditions of the blood."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, typical

CONDITIONS = (
    Condition(
        "Lyme disease",
        "infection",
        decisive("expanding bull's-eye rash", "tick bite in a forest", "antibodies to Borrelia", source="IDSA 2020")
        + typical("fatigue", "muscle aches", "joint pain", "facial palsy", "mild fever"),
        "doxycycline",
        "IDSA 2020",
        (Alternative("pregnancy", "amoxicillin", "IDSA 2020"),),
        also_accepted=("azithromycin", "ceftriaxone", "penicillin V", "benzathine penicillin"),
    ),
    Condition(
        "early syphilis",
        "infection",
        decisive("painless genital ulcer", "positive treponemal test", "rash on palms and soles", source="CDC 2021")
        + typical("swollen groin glands", "new sexual partner", "mild fever", "mouth ulcers", "hair loss"),
        "benzathine penicillin",
        "CDC 2021",
        (Alternative("penicillin anaphylaxis", "doxycycline", "CDC 2021"),),
        also_accepted=("ceftriaxone", "amoxicillin", "penicillin V", "azithromycin"),
        sex="male",
        ages=(18, 50),
    ),
    Condition(
        "gonorrhoea",
        "infection",
        decisive("thick yellow urethral discharge", "gonococci inside neutrophils", "positive gonococcal NAAT")
        + typical("burning on urination", "new sexual partner", "pelvic pain", "urethral itch", "sore throat"),
        "ceftriaxone",
        "CDC 2021",
        (Alternative("cephalosporin anaphylaxis", "gentamicin with azithromycin", "CDC 2021"),),
        also_accepted=("azithromycin", "doxycycline"),
        ages=(18, 40),
    ),
    Condition(
        "genital chlamydia",
        "infection",
        decisive("positive chlamydia NAAT", "contact of a chlamydia case", "cervix bleeding with few bacteria seen")
        + typical("new sexual partner", "pelvic pain", "burning on urination", "discharge", "spotting after sex"),
        "doxycycline",
        "CDC 2021",
        (Alternative("pregnancy", "azithromycin", "CDC 2021"),),
        also_accepted=("amoxicillin",),
        sex="female",
        ages=(18, 35),
    ),
    Condition(
        "acute cystitis",
        "infection",
        decisive(
            "nitrites with leucocytes in urine",
            "coliform growth in urine",
            "bladder pain with cloudy urine",
        )
        + typical("burning on urination", "frequent urination", "blood in urine", "urgency to void", "no fever"),
        "nitrofurantoin",
        "IDSA 2010",
        (Alternative("kidney failure", "fosfomycin", "IDSA 2010"),),
        also_accepted=("co-trimoxazole", "amoxicillin", "ceftriaxone", "gentamicin with azithromycin"),
        sex="female",
        ages=(18, 60),
    ),
    Condition(
        "falciparum malaria",
        "infection",
        decisive("ring forms in red cells", "fever after a stay in Ghana", "banana-shaped gametocytes", source="WHO")
        + typical("fever", "headache", "muscle aches", "jaundice", "enlarged spleen"),
        "artemether-lumefantrine",
        "WHO",
        (Alternative("long QT interval", "atovaquone-proguanil", "CDC"),),
        also_accepted=("doxycycline", "clindamycin", "hydroxychloroquine", "atovaquone"),
    ),
    Condition(
        "streptococcal pharyngitis",
        "infection",
        decisive("positive rapid strep test", "tonsillar exudate without cough", "sandpaper rash", source="IDSA 2012")
        + typical("sore throat", "fever", "tender neck glands", "headache", "trouble swallowing"),
        "penicillin V",
        "IDSA 2012",
        (Alternative("penicillin anaphylaxis", "clindamycin", "IDSA 2012"),),
        also_accepted=("amoxicillin", "azithromycin", "benzathine penicillin", "ceftriaxone"),
        ages=(18, 40),
    ),
    Condition(
        "Pneumocystis pneumonia",
        "infection",
        decisive("CD4 count of 90 with ground-glass lungs", "cysts on silver stain", "raised beta-D-glucan in HIV")
        + typical("dry cough", "breathlessness on exertion", "fever", "weight loss", "low oxygen on walking"),
        "co-trimoxazole",
        "NIH opportunistic infections guideline",
        (Alternative("sulfonamide allergy", "atovaquone", "NIH opportunistic infections guideline"),),
        also_accepted=("prednisone", "clindamycin", "atovaquone-proguanil", "hydrocortisone"),
    ),
    Condition(
        "scabies",
        "infection",
        decisive("burrows between the fingers", "mites on skin scraping", "itch shared by the household")
        + typical("itching", "sleepless nights", "scratch marks", "wrist papules", "care home stay"),
        "permethrin",
        "CDC",
        (Alternative("permethrin allergy", "ivermectin", "CDC"),),
    ),
    Condition(
        "iron deficiency anaemia",
        "haematology",
        decisive("low ferritin", "spoon-shaped nails", "craving for ice", source="BSG 2021")
        + typical("fatigue", "pale skin", "breathlessness on exertion", "heavy periods", "low haemoglobin"),
        "ferrous sulfate",
        "BSG 2021",
        (Alternative("active bowel inflammation", "intravenous iron", GENERAL),),
        sex="female",
        ages=(18, 45),
    ),
    Condition(
        "pernicious anaemia",
        "haematology",
        decisive("intrinsic factor antibodies", "hypersegmented neutrophils", "lost vibration sense with big red cells")
        + typical("fatigue", "sore smooth tongue", "tingling feet", "pale skin", "low haemoglobin"),
        "hydroxocobalamin",
        "BSH 2014",
        ages=(45, 80),
    ),
    Condition(
        "immune thrombocytopenia",
        "haematology",
        decisive("platelet count of 12", "petechiae with a normal spleen", "isolated low count of big platelets")
        + typical("nosebleeds", "easy bruising", "heavy periods", "bleeding gums", "recent viral illness"),
        "prednisone",
        "ASH 2019",
        (Alternative("steroid psychosis", "intravenous immunoglobulin", GENERAL),),
        also_accepted=("azathioprine", "hydroxychloroquine", "hydrocortisone"),
        sex="female",
        ages=(18, 45),
    ),
    Condition(
        "chronic myeloid leukaemia",
        "haematology",
        decisive("Philadelphia chromosome", "basophilia with a huge spleen", "BCR-ABL transcript", source="ELN 2020")
        + typical("fatigue", "night sweats", "weight loss", "enlarged spleen", "raised white cells"),
        "imatinib",
        "ELN 2020",
        (Alternative("pregnancy", "interferon alfa", GENERAL),),
        also_accepted=("hydroxyurea",),
        ages=(25, 70),
    ),
    Condition(
        "haemophilia A",
        "haematology",
        decisive("factor VIII level of 1%", "long APTT since birth", "bleeds in the mother's brothers")
        + typical("swollen joint", "easy bruising", "bleeding after tooth removal", "muscle bleeds", "joint pain"),
        "factor VIII concentrate",
        "WFH 2020",
        (Alternative("factor VIII inhibitor", "factor VIIa", "WFH 2020"),),
        also_accepted=("desmopressin", "von Willebrand concentrate"),
        sex="male",
        ages=(18, 40),
    ),
    Condition(
        "heparin-induced thrombocytopenia",
        "haematology",
        decisive("platelet fall on day 7 of heparin", "PF4 antibodies", "skin necrosis at heparin sites")
        + typical("recent hospital stay", "new leg clot", "swollen leg", "recent surgery", "no bleeding"),
        "argatroban",
        "ASH 2018",
        (Alternative("severe liver failure", "bivalirudin", "ASH 2018"),),
        also_accepted=("apixaban",),
        ages=(40, 75),
    ),
    Condition(
        "sickle cell disease",
        "haematology",
        decisive("haemoglobin S on electrophoresis", "sickle-shaped red cells", "painful crises since childhood")
        + typical("low haemoglobin", "jaundice", "back pain", "gallstones", "leg ulcers"),
        "hydroxyurea",
        "NHLBI 2014",
        aim="to prevent crises",
        ages=(18, 35),
    ),
    Condition(
        "von Willebrand disease type 1",
        "haematology",
        decisive("low von Willebrand antigen", "low ristocetin cofactor", "mild bleeding in father and sister")
        + typical("nosebleeds", "heavy periods", "easy bruising", "bleeding after tooth removal", "bleeding gums"),
        "desmopressin",
        "ASH/ISTH/NHF/WFH 2021",
        (Alternative("recurrent hyponatraemia", "von Willebrand concentrate", GENERAL),),
        also_accepted=("factor VIII concentrate", "ethinylestradiol-levonorgestrel"),
        aim="before minor surgery",
        sex="female",
        ages=(18, 40),
    ),
)
