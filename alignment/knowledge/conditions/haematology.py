"""Conditions of the blood and its cancers beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "acute promyelocytic leukaemia",
        "haematology",
        decisive(
            "bleeding from every puncture with a low fibrinogen",
            "sudden bruising with gum oozing and falling fibrinogen",
        )
        + shown_by("bone marrow with genetic analysis", "t(15;17) with PML-RARA", source="ELN 2019")
        + shown_by("bone marrow with genetic analysis", "faggots of Auer rods")
        + typical("easy bruising", "nosebleeds", "fatigue", "pale skin", "fever", "bleeding gums", "low platelets")
        + typical("low haemoglobin", "heavy bleeding"),
        "tretinoin",
        "ELN 2019",
        also_accepted=(
            "daunorubicin",
            "idarubicin",
            "dexamethasone",
        ),
        aim="together with arsenic trioxide",
        ages=(20, 65),
        test="bone marrow with genetic analysis",
        mechanism="fusion receptor blocks promyelocyte maturation",
    ),
    Condition(
        "multiple myeloma",
        "haematology",
        decisive("rib breaking on a cough with frothy urine", "back pain with a tongue too big for the mouth")
        + shown_by("protein electrophoresis with marrow biopsy", "M spike of 42 g/L", source="IMWG 2014")
        + shown_by(
            "protein electrophoresis with marrow biopsy", "thirty per cent clonal plasma cells", source="IMWG 2014"
        )
        + typical("back pain", "bone pain", "fatigue", "low haemoglobin", "raised calcium", "raised creatinine")
        + typical("weight loss", "recurrent chest infections", "protein in urine", "constipation"),
        "bortezomib",
        "ESMO/EHA 2021",
        also_accepted=(
            "lenalidomide",
            "dexamethasone",
            "melphalan",
            "zoledronic acid",
            "thalidomide",
            "daratumumab",
            "prednisone",
        ),
        aim="as part of combination treatment",
        ages=(55, 80),
        test="protein electrophoresis with marrow biopsy",
        mechanism="clonal plasma cells activate osteoclasts",
        difficulty=1,
    ),
    Condition(
        "classical Hodgkin lymphoma",
        "haematology",
        decisive("neck nodes that ache after wine", "itchy student with a wide mediastinum and rubbery nodes")
        + shown_by("excision biopsy of a lymph node", "Reed-Sternberg cells", source="ESMO 2018")
        + shown_by("excision biopsy of a lymph node", "CD30-positive giant cells in a node")
        + typical("swollen neck glands", "night sweats", "fever", "weight loss", "itching", "fatigue", "chronic cough")
        + typical("enlarged spleen", "low haemoglobin"),
        "ABVD chemotherapy",
        "ESMO 2018",
        also_accepted=("brentuximab vedotin", "doxorubicin", "bleomycin", "vinblastine", "nivolumab", "dacarbazine"),
        ages=(18, 40),
        test="excision biopsy of a lymph node",
        mechanism="crippled germinal-centre B cells survive",
        difficulty=1,
    ),
    Condition(
        "chronic lymphocytic leukaemia",
        "haematology",
        decisive(
            "routine count with sixty thousand small lymphocytes",
            "painless nodes in every region of an old man who feels well",
        )
        + shown_by("flow cytometry of blood", "CD5 and CD23 on clonal B cells", source="iwCLL 2018")
        + shown_by("flow cytometry of blood", "smudge cells with kappa restriction")
        + typical(
            "swollen neck glands", "fatigue", "night sweats", "weight loss", "enlarged spleen", "raised white cells"
        )
        + typical("recurrent chest infections", "low haemoglobin", "low platelets"),
        "zanubrutinib",
        "ESMO 2024",
        also_accepted=("acalabrutinib", "ibrutinib", "venetoclax", "obinutuzumab", "rituximab", "chlorambucil")
        + ("fludarabine", "cyclophosphamide", "prednisone"),
        aim="once treatment is needed",
        sex="male",
        ages=(60, 80),
        test="flow cytometry of blood",
        mechanism="mature B cells that do not die accumulate",
    ),
    Condition(
        "polycythaemia vera",
        "haematology",
        decisive("itching after every hot shower with a ruddy face", "burning red fingers with a purple nose")
        + shown_by("JAK2 mutation with erythropoietin level", "JAK2 V617F mutation with a haematocrit of 58%")
        + shown_by("JAK2 mutation with erythropoietin level", "low erythropoietin with high haemoglobin")
        + typical("headache", "itching", "fatigue", "enlarged spleen", "dizziness", "blurred vision", "night sweats")
        + typical("hypertension", "raised white cells"),
        "venesection",
        "ELN 2021",
        also_accepted=(
            "hydroxyurea",
            "interferon alfa",
            "ruxolitinib",
            "aspirin",
            "ropeginterferon alfa",
        ),
        aim="at low risk",
        ages=(40, 60),
        test="JAK2 mutation with erythropoietin level",
        mechanism="JAK2 signals without erythropoietin",
    ),
    Condition(
        "thrombotic thrombocytopenic purpura",
        "haematology",
        decisive(
            "fleeting aphasia with purpura and dark urine", "low platelets with fits and broken red cells over days"
        )
        + shown_by("ADAMTS13 activity", "ADAMTS13 activity below 10%", source="ISTH 2020")
        + shown_by("ADAMTS13 activity", "inhibitor of ADAMTS13")
        + typical("confusion", "easy bruising", "low platelets", "low haemoglobin", "fever", "headache", "jaundice")
        + typical("abdominal pain", "seizures", "dark urine"),
        "plasma exchange",
        "ISTH 2020",
        also_accepted=(
            "prednisone",
            "rituximab",
            "caplacizumab",
            "methylprednisolone",
        ),
        aim="together with steroids",
        ages=(20, 55),
        test="ADAMTS13 activity",
        also_tests=("blood film",),
        mechanism="uncut von Willebrand multimers clump platelets",
    ),
    Condition(
        "warm autoimmune haemolytic anaemia",
        "haematology",
        decisive(
            "sudden yellow pallor in a woman on methyldopa", "haemoglobin that falls again whenever steroids are cut"
        )
        + shown_by("direct antiglobulin test", "direct antiglobulin test positive for IgG")
        + shown_by("direct antiglobulin test", "spherocytes coated with IgG")
        + typical("fatigue", "jaundice", "pale skin", "dark urine", "low haemoglobin", "breathlessness on exertion")
        + typical("enlarged spleen", "fast pulse", "dizziness"),
        "prednisone",
        "First International Consensus 2020",
        (Alternative("steroid psychosis", "rituximab", GENERAL),),
        also_accepted=(
            "azathioprine",
            "mycophenolate",
            "intravenous immunoglobulin",
        ),
        sex="female",
        ages=(25, 75),
        test="direct antiglobulin test",
        mechanism="IgG-coated red cells are eaten in the spleen",
    ),
    Condition(
        "paroxysmal nocturnal haemoglobinuria",
        "haematology",
        decisive("cola-coloured first urine of the day", "clot of the hepatic veins with red plasma")
        + shown_by("flow cytometry for CD55 and CD59", "red cells without CD55 and CD59")
        + shown_by("flow cytometry for CD55 and CD59", "FLAER-negative neutrophils")
        + typical("dark urine", "fatigue", "jaundice", "abdominal pain", "low haemoglobin", "trouble swallowing")
        + typical("low platelets", "erectile dysfunction", "pale skin"),
        "eculizumab",
        GENERAL,
        also_accepted=(
            "pegcetacoplan",
            "iptacopan",
        ),
        ages=(20, 55),
        test="flow cytometry for CD55 and CD59",
        mechanism="missing GPI anchors expose cells to complement",
        difficulty=3,
    ),
    Condition(
        "severe aplastic anaemia",
        "haematology",
        decisive(
            "infections and bleeding weeks after seronegative hepatitis",
            "all three cell lines gone with an impalpable spleen",
        )
        + shown_by("bone marrow biopsy", "fatty empty marrow", source="BSH 2024")
        + shown_by("bone marrow biopsy", "hypocellular marrow without fibrosis or blasts")
        + typical("fatigue", "easy bruising", "fever", "pale skin", "nosebleeds", "low platelets", "low haemoglobin")
        + typical("bleeding gums", "recurrent chest infections"),
        "ciclosporin",
        "BSH 2024",
        also_accepted=(
            "eltrombopag",
            "stem cell transplantation",
            "antithymocyte globulin",
        ),
        aim="together with antithymocyte globulin",
        ages=(45, 70),
        test="bone marrow biopsy",
        mechanism="T cells destroy haematopoietic stem cells",
        difficulty=3,
    ),
    Condition(
        "folate deficiency anaemia",
        "haematology",
        decisive(
            "tea-and-toast diet with big red cells and normal reflexes",
            "macrocytosis on methotrexate with intact vibration sense",
        )
        + shown_by("serum folate with B12", "low folate with normal methylmalonic acid", source="BSH 2014")
        + shown_by("serum folate with B12", "low red cell folate with normal B12")
        + typical("fatigue", "pale skin", "low haemoglobin", "sore smooth tongue", "breathlessness on exertion")
        + typical("heavy drinking", "weight loss", "palpitations", "loss of appetite"),
        "folic acid",
        "BSH 2014",
        ages=(30, 80),
        test="serum folate with B12",
        mechanism="lack of folate stalls thymidine synthesis",
        difficulty=1,
    ),
    Condition(
        "acute intermittent porphyria",
        "haematology",
        decisive("urine that turns port-wine red in sunlight", "belly pain with wrist drop after starting the pill")
        + shown_by("urinary porphobilinogen", "porphobilinogen twenty times normal")
        + shown_by("urinary porphobilinogen", "low porphobilinogen deaminase with red urine")
        + typical(
            "abdominal pain", "vomiting", "constipation", "anxiety", "fast pulse", "muscle weakness", "hypertension"
        )
        + typical("low sodium", "seizures", "confusion", "dark urine"),
        "hemin",
        GENERAL,
        also_accepted=("intravenous glucose", "givosiran"),
        aim="for the attack",
        sex="female",
        ages=(20, 45),
        test="urinary porphobilinogen",
        mechanism="haem precursors build up before a blocked step",
        difficulty=3,
    ),
    Condition(
        "transfusion-dependent beta thalassaemia",
        "haematology",
        decisive(
            "prominent cheekbones and frontal bossing since infancy",
            "transfusion every three weeks since the first year of life",
        )
        + shown_by("haemoglobin electrophoresis", "absent haemoglobin A with raised F", source="TIF 2021")
        + shown_by("haemoglobin electrophoresis", "hair-on-end skull with almost only haemoglobin F")
        + typical("fatigue", "pale skin", "enlarged spleen", "jaundice", "low haemoglobin", "gallstones", "bone pain")
        + typical("infertility", "palpitations"),
        "deferasirox",
        "TIF 2021",
        (Alternative("kidney failure", "deferoxamine", GENERAL, equal=True),),
        also_accepted=("deferiprone", "luspatercept"),
        aim="against iron overload",
        ages=(18, 35),
        test="haemoglobin electrophoresis",
        mechanism="missing beta chains kill red cell precursors",
    ),
)
