"""Conditions of the lungs and the airways beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "idiopathic pulmonary fibrosis",
        "respiratory",
        decisive("fine Velcro-like crackles at both bases", "slow stiffening of the lungs without exposure or rash")
        + shown_by("high-resolution CT of the chest", "basal honeycombing of the lung", source="ATS/ERS/JRS/ALAT 2022")
        + shown_by("high-resolution CT of the chest", "traction bronchiectasis under the pleura")
        + typical("dry cough", "breathlessness on exertion", "finger clubbing", "fatigue", "weight loss")
        + typical("smoking", "low oxygen on walking", "restrictive spirometry"),
        "nintedanib",
        "ATS/ERS/JRS/ALAT 2022",
        also_accepted=("pirfenidone",),
        aim="to slow decline",
        ages=(55, 80),
        test="high-resolution CT of the chest",
        also_tests=("lung biopsy",),
        mechanism="progressive scarring of the lung interstitium",
    ),
    Condition(
        "pulmonary sarcoidosis",
        "respiratory",
        decisive("lupus pernio on the nose", "parotid swelling with uveitis")
        + shown_by("bronchoscopic biopsy", "non-caseating granulomas in the lung", source="ATS 2020")
        + shown_by("bronchoscopic biopsy", "raised CD4/CD8 ratio in lavage fluid")
        + typical("dry cough", "breathlessness on exertion", "fatigue", "weight loss", "tender red shin nodules")
        + typical("enlarged hilar lymph nodes", "red painful eye", "joint pain", "raised calcium", "fever"),
        "prednisone",
        "ERS 2021",
        also_accepted=("methotrexate", "azathioprine", "adalimumab", "infliximab", "hydroxychloroquine"),
        ages=(20, 55),
        test="bronchoscopic biopsy",
        mechanism="granulomas without necrosis in lung and nodes",
    ),
    Condition(
        "bronchiectasis",
        "respiratory",
        decisive("cupfuls of foul sputum every day", "coarse crackles that shift with coughing")
        + shown_by("high-resolution CT of the chest", "signet-ring sign of the bronchi", source="ERS 2017")
        + shown_by("high-resolution CT of the chest", "airways that do not taper")
        + typical("chronic cough", "productive cough", "haemoptysis", "finger clubbing", "breathlessness on exertion")
        + typical("fatigue", "wheeze", "recurrent chest infections", "chronic sinusitis"),
        "airway clearance physiotherapy",
        "ERS 2017",
        also_accepted=("azithromycin", "amoxicillin", "indacaterol", "tiotropium", "inhaled hypertonic saline"),
        aim="as the base of treatment",
        ages=(30, 75),
        test="high-resolution CT of the chest",
        mechanism="permanent widening of inflamed bronchi",
    ),
    Condition(
        "cystic fibrosis",
        "respiratory",
        decisive(
            "salty-tasting skin since infancy", "greasy stools with nasal polyps", "absent vas deferens on both sides"
        )
        + shown_by("sweat chloride test", "sweat chloride above 60", source="Cystic Fibrosis Foundation 2017")
        + shown_by("sweat chloride test", "two CFTR mutations after an abnormal sweat test")
        + typical("chronic cough", "productive cough", "finger clubbing", "weight loss", "recurrent chest infections")
        + typical("chronic sinusitis", "infertility", "haemoptysis", "fatigue"),
        "elexacaftor-tezacaftor-ivacaftor",
        GENERAL,
        also_accepted=("airway clearance physiotherapy", "azithromycin", "inhaled hypertonic saline", "dornase alfa"),
        aim="to correct the protein defect",
        sex="male",
        ages=(18, 35),
        test="sweat chloride test",
        mechanism="defective chloride channel of epithelia",
    ),
    Condition(
        "obstructive sleep apnoea",
        "respiratory",
        decisive("loud snoring with witnessed pauses", "waking up choking at night", "falling asleep at red lights")
        + shown_by("sleep study", "thirty apnoeas an hour", source="AASM 2017")
        + shown_by("sleep study", "cyclic falls of oxygen during sleep")
        + typical("obesity", "hypertension", "morning headache", "daytime sleepiness", "poor sleep")
        + typical("low libido", "low mood", "getting up at night to void", "fatigue"),
        "continuous positive airway pressure",
        "AASM 2019",
        also_accepted=("semaglutide", "tirzepatide"),
        ages=(30, 75),
        test="sleep study",
        mechanism="collapse of the pharynx during sleep",
        difficulty=1,
    ),
    Condition(
        "tension pneumothorax",
        "respiratory",
        decisive(
            "trachea pushed to the other side",
            "silent hyperresonant half of the chest",
            "collapse after a stab to the chest wall",
        )
        + shown_by("bedside lung ultrasound", "absent lung sliding with a lung point", "barcode sign of the pleura")
        + typical("breathlessness at rest", "fast pulse", "low blood pressure", "low oxygen", "pleuritic chest pain")
        + typical("distended neck veins", "restlessness", "sweating", "blue lips"),
        "needle decompression",
        "ATLS",
        also_accepted=("chest drain",),
        aim="at once",
        ages=(18, 60),
        test="bedside lung ultrasound",
        also_tests=("chest X-ray",),
        mechanism="one-way air leak into the pleural space",
        difficulty=1,
    ),
    Condition(
        "pulmonary arterial hypertension",
        "respiratory",
        decisive("loud pulmonary component of the second sound", "parasternal heave with clear lungs")
        + shown_by("right heart catheterisation", "mean pulmonary artery pressure of 52", source="ESC/ERS 2022")
        + shown_by("right heart catheterisation", "high pulmonary resistance with a normal wedge pressure")
        + typical("breathlessness on exertion", "fainting", "fatigue", "ankle swelling", "chest tightness")
        + typical("raised BNP", "dizziness", "distended neck veins", "palpitations"),
        "macitentan",
        "ESC/ERS 2022",
        (Alternative("pregnancy", "sildenafil", GENERAL, equal=True),),
        aim="together with tadalafil",
        sex="female",
        ages=(25, 60),
        test="right heart catheterisation",
        mechanism="remodelling of small pulmonary arteries",
        difficulty=3,
    ),
    Condition(
        "acute respiratory distress syndrome",
        "respiratory",
        decisive("stiff lungs two days after severe sepsis", "refractory hypoxia after aspiration of gastric juice")
        + shown_by("chest CT with blood gases", "PaO2/FiO2 ratio of 120", source="Berlin definition 2012")
        + shown_by("chest CT with blood gases", "white lungs with a normal wedge pressure")
        + typical("breathlessness at rest", "low oxygen", "fast pulse", "blue lips", "confusion")
        + typical("recent hospital stay", "raised CRP", "fever", "raised white cells"),
        "low tidal volume ventilation",
        "ATS 2024",
        also_accepted=("prone positioning", "hydrocortisone", "dexamethasone"),
        ages=(20, 80),
        test="chest CT with blood gases",
        mechanism="leaky alveolar capillaries flood the alveoli",
    ),
)
