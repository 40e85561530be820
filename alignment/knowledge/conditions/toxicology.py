"""Poisonings and drug reactions beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "salicylate poisoning",
        "toxicology",
        decisive("ringing ears and deep breathing after an empty aspirin bottle", "oil of wintergreen drunk by mistake")
        + shown_by("salicylate level with blood gas", "salicylate level of 600 mg/L")
        + shown_by("salicylate level with blood gas", "respiratory alkalosis with metabolic acidosis after tablets")
        + typical("vomiting", "sweating", "confusion", "fever", "fast pulse", "nausea", "hearing loss", "drowsiness")
        + typical("abdominal pain"),
        "sodium bicarbonate",
        "ACMT",
        also_accepted=("activated charcoal", "haemodialysis"),
        aim="to speed elimination",
        ages=(18, 65),
        test="salicylate level with blood gas",
        mechanism="uncoupled oxidative phosphorylation",
    ),
    Condition(
        "carbon monoxide poisoning",
        "toxicology",
        decisive(
            "headache of a whole family beside a charcoal stove", "cherry-pink skin after a night with a blocked flue"
        )
        + shown_by("co-oximetry", "carboxyhaemoglobin of 28%")
        + shown_by("co-oximetry", "normal pulse oximeter with a low true saturation")
        + typical(
            "headache", "nausea", "confusion", "dizziness", "vomiting", "fainting", "drowsiness", "raised lactate"
        )
        + typical("fast pulse", "chest tightness"),
        "high-flow oxygen",
        "ACEP 2017",
        also_accepted=("hyperbaric oxygen",),
        ages=(18, 75),
        test="co-oximetry",
        mechanism="a gas binds haemoglobin 200 times more than oxygen does",
        difficulty=1,
    ),
    Condition(
        "cyanide poisoning",
        "toxicology",
        decisive(
            "collapse in smoke from burning foam with soot in the throat", "smell of bitter almonds in an electroplater"
        )
        + shown_by("venous blood gas with lactate", "lactate of 14 with arterial-looking venous blood")
        + shown_by("venous blood gas with lactate", "narrow oxygen gap between artery and vein")
        + typical(
            "confusion", "headache", "fast pulse", "low blood pressure", "seizures", "raised lactate", "dizziness"
        )
        + typical("breathlessness at rest", "vomiting", "fainting"),
        "hydroxocobalamin",
        GENERAL,
        also_accepted=(
            "sodium thiosulfate",
            "sodium nitrite",
        ),
        aim="in high dose",
        ages=(18, 70),
        test="venous blood gas with lactate",
        mechanism="blocked cytochrome c oxidase",
    ),
    Condition(
        "digoxin toxicity",
        "toxicology",
        decisive(
            "yellow halos around lamps in a heart failure patient", "nausea and a pulse of 38 after a foxglove tea"
        )
        + shown_by("serum digoxin with ECG", "digoxin level of 4.2 with potassium of 6.1")
        + shown_by("serum digoxin with ECG", "bidirectional ventricular tachycardia")
        + typical("nausea", "vomiting", "slow pulse", "confusion", "palpitations", "blurred vision", "loss of appetite")
        + typical("fatigue", "raised creatinine", "dizziness"),
        "digoxin immune Fab",
        "AHA 2023",
        also_accepted=("atropine", "magnesium sulfate"),
        aim="for a life-threatening arrhythmia",
        ages=(60, 80),
        test="serum digoxin with ECG",
        mechanism="overblocked sodium-potassium pump",
    ),
    Condition(
        "lead poisoning",
        "toxicology",
        decisive("blue line on the gums of a battery worker", "wrist drop in a man who strips old paint")
        + shown_by("blood lead level", "blood lead of 65 micrograms/dL")
        + shown_by("blood lead level", "basophilic stippling with raised zinc protoporphyrin")
        + typical("abdominal pain", "constipation", "fatigue", "headache", "low haemoglobin", "low mood", "memory loss")
        + typical("muscle weakness", "joint pain", "poor sleep"),
        "succimer",
        GENERAL,
        also_accepted=("dimercaprol", "calcium disodium edetate", "penicillamine"),
        sex="male",
        ages=(20, 65),
        test="blood lead level",
        mechanism="blocked haem synthesis at two enzymes",
    ),
    Condition(
        "acquired methaemoglobinaemia",
        "toxicology",
        decisive(
            "chocolate-brown blood after a dental spray", "slate-grey lips that oxygen does not change after poppers"
        )
        + shown_by("blood gas with co-oximetry", "methaemoglobin of 35%")
        + shown_by("blood gas with co-oximetry", "saturation stuck at 85% with a normal PaO2")
        + typical("blue lips", "headache", "dizziness", "breathlessness at rest", "fatigue", "fast pulse", "low oxygen")
        + typical("anxiety", "nausea"),
        "methylthioninium chloride",
        GENERAL,
        (Alternative("G6PD deficiency", "ascorbic acid", GENERAL),),
        also_accepted=("high-flow oxygen",),
        ages=(18, 70),
        test="blood gas with co-oximetry",
        also_tests=("co-oximetry",),
        mechanism="haem iron oxidised to the ferric state",
    ),
    Condition(
        "serotonin syndrome",
        "toxicology",
        decisive(
            "clonus and shivering hours after linezolid on top of paroxetine",
            "jerking ankles with agitation after adding tramadol to an SSRI",
        )
        + shown_by("Hunter criteria examination", "inducible clonus with agitation", source="Hunter criteria 2003")
        + shown_by(
            "Hunter criteria examination", "ocular clonus with brisk leg reflexes", source="Hunter criteria 2003"
        )
        + typical("sweating", "fast pulse", "restlessness", "tremor", "fever", "confusion", "watery diarrhoea")
        + typical("hypertension", "anxiety"),
        "cyproheptadine",
        GENERAL,
        also_accepted=("lorazepam", "diazepam", "midazolam"),
        aim="when sedation does not suffice",
        ages=(18, 70),
        test="Hunter criteria examination",
        mechanism="overstimulated 5-HT1A and 5-HT2A receptors",
    ),
    Condition(
        "neuroleptic malignant syndrome",
        "toxicology",
        decisive(
            "lead-pipe rigidity a week after starting haloperidol", "mute rigid patient after a depot antipsychotic"
        )
        + shown_by("creatine kinase with drug history", "creatine kinase of 9000 on an antipsychotic")
        + shown_by("creatine kinase with drug history", "low iron with a very high creatine kinase on olanzapine")
        + typical("fever", "confusion", "sweating", "fast pulse", "raised white cells", "raised creatine kinase")
        + typical("tremor", "hypertension", "dark urine", "drowsiness"),
        "dantrolene",
        GENERAL,
        also_accepted=("bromocriptine", "lorazepam", "amantadine", "diazepam"),
        aim="beyond stopping the drug",
        ages=(20, 65),
        test="creatine kinase with drug history",
        mechanism="sudden blockade of central dopamine receptors",
    ),
    Condition(
        "beta blocker overdose",
        "toxicology",
        decisive("empty propranolol box beside a cold drowsy man", "pulse of 36 with low glucose after forty atenolol")
        + shown_by(
            "ECG with echocardiography and glucose", "slow PR-prolonged rhythm with a weak ventricle after tablets"
        )
        + shown_by(
            "ECG with echocardiography and glucose", "hypoglycaemia with first-degree block and poor contraction"
        )
        + typical("slow pulse", "low blood pressure", "drowsiness", "confusion", "wheeze", "seizures", "dizziness")
        + typical("fainting", "nausea", "low mood"),
        "glucagon",
        GENERAL,
        also_accepted=("atropine", "insulin", "adrenaline", "calcium gluconate"),
        sex="male",
        ages=(18, 70),
        test="ECG with echocardiography and glucose",
        mechanism="blocked adrenergic drive to heart and liver",
    ),
    Condition(
        "tricyclic antidepressant overdose",
        "toxicology",
        decisive(
            "hot dry skin with wide pupils after amitriptyline",
            "fits and a full bladder after a month's supply of dosulepin",
        )
        + shown_by("12-lead ECG with drug screen", "QRS of 140 ms with a tall R in aVR")
        + shown_by("12-lead ECG with drug screen", "broad complexes that narrow with sodium")
        + typical("drowsiness", "fast pulse", "low blood pressure", "seizures", "confusion", "dry mouth", "low mood")
        + typical("blurred vision", "constipation"),
        "sodium bicarbonate",
        GENERAL,
        also_accepted=(
            "lorazepam",
            "activated charcoal",
            "diazepam",
        ),
        aim="for the wide QRS",
        ages=(18, 65),
        test="12-lead ECG with drug screen",
        mechanism="blocked cardiac fast sodium channels",
    ),
    Condition(
        "isoniazid overdose",
        "toxicology",
        decisive(
            "fits that lorazepam does not stop in a tuberculosis patient",
            "coma after swallowing a month of tuberculosis tablets",
        )
        + shown_by("blood gas with drug history", "pH of 6.9 with fits after isoniazid")
        + shown_by("blood gas with drug history", "lactate acidosis that clears with pyridoxine")
        + typical("seizures", "vomiting", "confusion", "slurred speech", "fast pulse", "raised lactate", "drowsiness")
        + typical("nausea", "dizziness"),
        "pyridoxine",
        GENERAL,
        also_accepted=("lorazepam", "diazepam"),
        aim="as antidote",
        ages=(18, 60),
        test="blood gas with drug history",
        mechanism="depleted pyridoxine stops GABA synthesis",
    ),
    Condition(
        "iron overdose",
        "toxicology",
        decisive("bloody vomit after her antenatal tablets", "grey tablets on the abdominal film with shock")
        + shown_by("serum iron with abdominal X-ray", "serum iron of 110 micromol/L at four hours")
        + shown_by("serum iron with abdominal X-ray", "radio-opaque tablets with a wide anion gap")
        + typical("vomiting", "abdominal pain", "low blood pressure", "fast pulse", "drowsiness", "raised lactate")
        + typical("black stools", "watery diarrhoea", "raised white cells", "low mood"),
        "deferoxamine",
        GENERAL,
        also_accepted=("whole bowel irrigation",),
        sex="female",
        ages=(18, 45),
        test="serum iron with abdominal X-ray",
        mechanism="free metal burns the gut and mitochondria",
    ),
)
