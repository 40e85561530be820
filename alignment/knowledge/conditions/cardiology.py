"""Conditions of the heart and the vessels beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "ST-elevation myocardial infarction",
        "cardiology",
        decisive("crushing chest pain into the left arm for an hour", "vice-like central chest pain at rest with dread")
        + shown_by("12-lead ECG", "ST elevation confined to the anterior leads", source="ESC 2023")
        + shown_by("12-lead ECG", "new Q waves over one coronary territory")
        + typical("sweating", "nausea", "chest tightness", "smoking", "hypertension", "raised troponin")
        + typical("high cholesterol", "breathlessness at rest", "anxiety"),
        "primary coronary angioplasty",
        "ESC 2023",
        also_accepted=("aspirin", "alteplase", "tenecteplase", "metoprolol", "atorvastatin", "enoxaparin", "ticagrelor")
        + ("clopidogrel", "heparin", "bivalirudin"),
        aim="within two hours",
        ages=(40, 80),
        test="12-lead ECG",
        also_tests=("coronary angiography",),
        mechanism="thrombus on a ruptured coronary plaque",
        difficulty=1,
    ),
    Condition(
        "infective endocarditis",
        "cardiology",
        decisive(
            "splinter haemorrhages with a new murmur", "painful nodules on the finger pulps", "Roth spots with fever"
        )
        + shown_by("blood cultures", "Staphylococcus aureus in three blood cultures", source="ESC 2023")
        + shown_by("transoesophageal echocardiography", "vegetation on the mitral valve", source="ESC 2023")
        + typical("fever", "night sweats", "fatigue", "weight loss", "joint pain", "raised CRP")
        + typical("enlarged spleen", "blood in urine", "low haemoglobin", "injection drug use"),
        "flucloxacillin",
        "ESC 2023",
        (Alternative("penicillin anaphylaxis", "vancomycin", GENERAL),),
        also_accepted=("ceftriaxone", "cefazolin", "gentamicin", "amoxicillin", "daptomycin"),
        aim="for methicillin-susceptible Staphylococcus aureus on a native valve",
        ages=(20, 80),
        test="blood cultures",
        also_tests=("transoesophageal echocardiography",),
        mechanism="bacteria in fibrin on a heart valve",
    ),
    Condition(
        "acute aortic dissection",
        "cardiology",
        decisive("tearing pain between the shoulder blades", "unequal blood pressure in the two arms")
        + shown_by("CT angiography of the aorta", "intimal flap in the aorta", source="ACC/AHA 2022")
        + shown_by("CT angiography of the aorta", "double lumen of the descending aorta")
        + typical("hypertension", "sweating", "fainting", "chest tightness", "back pain", "fast pulse")
        + typical("anxiety", "abdominal pain", "smoking"),
        "esmolol",
        "ACC/AHA 2022",
        (Alternative("severe asthma", "diltiazem", "ACC/AHA 2022"),),
        also_accepted=("labetalol", "metoprolol", "propranolol", "verapamil"),
        aim="to control rate and pressure",
        ages=(45, 80),
        test="CT angiography of the aorta",
        also_tests=("transoesophageal echocardiography",),
        mechanism="blood splits the layers of the aortic wall",
    ),
    Condition(
        "hypertrophic cardiomyopathy",
        "cardiology",
        decisive("murmur that grows louder on standing", "sudden death of a young athlete in the family")
        + shown_by("echocardiography", "septal thickness of 21 mm", source="AHA/ACC 2024")
        + shown_by("echocardiography", "systolic anterior motion of the mitral valve")
        + typical("fainting", "breathlessness on exertion", "palpitations", "chest tightness", "dizziness")
        + typical("systolic murmur", "fatigue", "fast pulse"),
        "metoprolol",
        "AHA/ACC 2024",
        (Alternative("severe asthma", "verapamil", "AHA/ACC 2024"),),
        also_accepted=("propranolol", "diltiazem", "mavacamten", "bisoprolol"),
        aim="for outflow obstruction",
        ages=(18, 60),
        test="echocardiography",
        also_tests=("cardiac MRI",),
        mechanism="mutant sarcomere proteins thicken the septum",
    ),
    Condition(
        "severe aortic stenosis",
        "cardiology",
        decisive("slow-rising carotid pulse", "ejection murmur radiating to both carotids with a soft second sound")
        + shown_by("echocardiography", "aortic valve area of 0.7 cm2", source="ESC/EACTS 2021")
        + shown_by("echocardiography", "heavily calcified aortic leaflets")
        + typical("fainting", "breathlessness on exertion", "chest tightness", "systolic murmur", "fatigue")
        + typical("dizziness", "raised BNP", "ankle swelling"),
        "aortic valve replacement",
        "ESC/EACTS 2021",
        ages=(65, 80),
        test="echocardiography",
        mechanism="calcified cusps obstruct left ventricular outflow",
        difficulty=1,
    ),
    Condition(
        "complete heart block",
        "cardiology",
        decisive("cannon waves in the neck", "steady pulse of 34 that exercise does not change")
        + shown_by("12-lead ECG", "P waves marching through slow broad complexes", source="ESC 2021")
        + shown_by("12-lead ECG", "dissociation of atria and ventricles")
        + typical("fainting", "slow pulse", "fatigue", "dizziness", "breathlessness on exertion")
        + typical("confusion", "low blood pressure", "ankle swelling"),
        "permanent pacemaker",
        "ESC 2021",
        also_accepted=("atropine",),
        aim="in the long run",
        ages=(60, 80),
        test="12-lead ECG",
        mechanism="fibrosis interrupts atrioventricular conduction",
    ),
    Condition(
        "deep vein thrombosis",
        "cardiology",
        decisive(
            "one calf 4 cm wider than the other",
            "cord-like tender vein behind the knee",
            "calf swelling after a plaster cast",
        )
        + shown_by("compression ultrasound of the leg", "vein that cannot be compressed", source="CHEST 2021")
        + shown_by("compression ultrasound of the leg", "echogenic clot in the popliteal vein")
        + typical("swollen leg", "leg pain", "raised D-dimer", "recent surgery", "recent hospital stay", "obesity")
        + typical("mild fever", "ankle swelling"),
        "apixaban",
        "CHEST 2021",
        (Alternative("pregnancy", "enoxaparin", "ACOG 2018"),),
        also_accepted=("rivaroxaban", "warfarin", "dabigatran", "edoxaban", "heparin", "argatroban", "bivalirudin"),
        ages=(20, 80),
        test="compression ultrasound of the leg",
        mechanism="clot formed by stasis in a deep vein",
        difficulty=1,
    ),
    Condition(
        "cardiac tamponade",
        "cardiology",
        decisive("muffled heart sounds with a weak pulse", "pulse that fades with every breath in")
        + shown_by("echocardiography", "right ventricle that collapses in diastole", source="ESC 2015")
        + shown_by("echocardiography", "heart swinging in a large effusion")
        + typical("breathlessness at rest", "fast pulse", "low blood pressure", "distended neck veins", "sweating")
        + typical("restlessness", "chest tightness", "confusion"),
        "pericardiocentesis",
        "ESC 2015",
        ages=(25, 80),
        test="echocardiography",
        mechanism="pericardial fluid stops diastolic filling",
    ),
    Condition(
        "peripheral artery disease",
        "cardiology",
        decisive("calf pain after 200 metres that stops at rest", "cold hairless shins without foot pulses")
        + shown_by("ankle-brachial pressure index", "ankle-brachial index of 0.6", source="ACC/AHA 2024")
        + shown_by("ankle-brachial pressure index", "fall of ankle pressure after treadmill walking")
        + typical("smoking", "leg pain", "high cholesterol", "hypertension", "leg ulcers", "erectile dysfunction")
        + typical("diabetes for years", "tingling feet"),
        "clopidogrel",
        "ESC 2024",
        also_accepted=("aspirin", "atorvastatin", "cilostazol", "rivaroxaban"),
        aim="to prevent vascular events",
        ages=(50, 80),
        test="ankle-brachial pressure index",
        also_tests=("CT angiography of the aorta",),
        mechanism="atheroma narrows the arteries of the leg",
        difficulty=1,
    ),
    Condition(
        "congenital long QT syndrome",
        "cardiology",
        decisive("collapse on hearing an alarm clock", "drowning of a sister in shallow water")
        + shown_by("12-lead ECG", "QTc of 520 ms off all drugs", source="ESC 2022")
        + shown_by("12-lead ECG", "T-wave alternans")
        + typical(
            "fainting",
            "palpitations",
            "dizziness",
            "sudden death in the family",
            "seizures",
            "normal examination",
            "anxiety",
        ),
        "propranolol",
        "ESC 2022",
        also_accepted=("metoprolol",),
        ages=(18, 40),
        test="12-lead ECG",
        mechanism="faulty potassium channels delay repolarisation",
        difficulty=3,
    ),
    Condition(
        "Takayasu arteritis",
        "cardiology",
        decisive("absent radial pulses in a young woman", "bruit over the subclavian artery with arm claudication")
        + shown_by("CT angiography of the aorta", "thick-walled narrowing of the aortic branches", source="ACR/VF 2021")
        + shown_by("CT angiography of the aorta", "long smooth subclavian stenosis")
        + typical("fatigue", "weight loss", "fever", "night sweats", "hypertension", "dizziness", "raised CRP")
        + typical("joint pain", "blurred vision"),
        "prednisone",
        "ACR/VF 2021",
        also_accepted=("methotrexate", "azathioprine", "adalimumab", "tocilizumab", "infliximab"),
        sex="female",
        ages=(18, 40),
        test="CT angiography of the aorta",
        mechanism="granulomatous inflammation of the aorta and its branches",
        difficulty=3,
    ),
)
