"""Patient factors beyond those of the core, named by the contraindications of this folder."""

from alignment.knowledge.schema import Factor

_FERTILE = (18, 42)

FACTORS = (
    # Heart, vessels and blood.
    Factor("bilateral renal artery stenosis", "has bilateral renal artery stenosis"),
    Factor("second-degree heart block", "has second-degree heart block without a pacemaker"),
    Factor("sinus bradycardia", "has a resting pulse of 42"),
    Factor("cardiogenic shock", "is in cardiogenic shock"),
    Factor("decompensated heart failure", "has acutely decompensated heart failure"),
    Factor("symptomatic heart failure", "has NYHA class III heart failure"),
    Factor("reduced ejection fraction", "has an ejection fraction of 25%"),
    Factor("permanent atrial fibrillation", "has permanent atrial fibrillation"),
    Factor("severe aortic stenosis", "has severe aortic stenosis"),
    Factor("pre-excited atrial fibrillation", "has atrial fibrillation with an accessory pathway"),
    Factor("ventricular fibrillation", "has had ventricular fibrillation"),
    Factor("uncontrolled hypertension", "has an untreated blood pressure of 210/120"),
    Factor("past stroke", "has had an ischaemic stroke"),
    Factor("past intracranial haemorrhage", "has had an intracranial haemorrhage"),
    Factor("active major bleeding", "is bleeding from the bowel"),
    Factor("mechanical heart valve", "has a mechanical heart valve"),
    Factor("heparin-induced antibodies", "has had heparin-induced thrombocytopenia"),
    Factor("past venous thrombosis", "has had a deep vein thrombosis"),
    Factor("high potassium", "has a potassium of 6.1"),
    Factor("low potassium", "has a potassium of 2.6"),
    Factor("high calcium", "has a calcium of 3.2"),
    # Kidney, liver, glands and gut.
    Factor("anuria", "passes no urine"),
    Factor("gout", "has frequent attacks of gout"),
    Factor("gallstone disease", "has symptomatic gallstones"),
    Factor("bowel obstruction", "has a mechanical bowel obstruction"),
    # Nerves and mind.
    Factor("raised intracranial pressure", "has raised intracranial pressure"),
    # Infection and immunity.
    # Women and children.
    Factor("breastfeeding", "is breastfeeding", sex="female", ages=_FERTILE),
    Factor("childhood viral illness", "has chickenpox as a child", ages=(5, 15)),
)
