"""Psychiatric conditions beyond the core."""

from alignment.knowledge.schema import Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "major depressive disorder",
        "psychiatry",
        decisive("a month without joy in anything", "early waking with guilt and slowed thought")
        + shown_by("structured interview with PHQ-9", "PHQ-9 score of 19", source="DSM-5")
        + shown_by("structured interview with PHQ-9", "six depressive criteria without past mania")
        + typical("low mood", "poor sleep", "fatigue", "loss of appetite", "weight loss", "anxiety", "memory loss")
        + typical("low libido", "restlessness"),
        "sertraline",
        "NICE NG222",
        also_accepted=(
            "fluoxetine",
            "citalopram",
            "escitalopram",
            "paroxetine",
            "venlafaxine",
            "mirtazapine",
            "duloxetine",
        )
        + ("bupropion", "amitriptyline", "cognitive behavioural therapy"),
        ages=(20, 65),
        test="structured interview with PHQ-9",
        mechanism="altered monoamine and stress-axis signalling",
        difficulty=1,
    ),
    Condition(
        "schizophrenia",
        "psychiatry",
        decisive("two voices that comment on him for eight months", "belief that neighbours broadcast his thoughts")
        + shown_by(
            "mental state examination over six months", "six months of delusions with flat affect", source="DSM-5"
        )
        + shown_by("mental state examination over six months", "thought insertion with a normal drug screen")
        + typical("poor sleep", "low mood", "anxiety", "restlessness", "poor judgement", "smoking", "social withdrawal")
        + typical(
            "normal examination",
        ),
        "risperidone",
        "APA 2020",
        also_accepted=(
            "olanzapine",
            "aripiprazole",
            "quetiapine",
            "haloperidol",
            "paliperidone",
            "ziprasidone",
            "lurasidone",
        )
        + ("amisulpride", "clozapine", "chlorpromazine", "cariprazine"),
        sex="male",
        ages=(18, 35),
        test="mental state examination over six months",
        mechanism="excess dopamine in mesolimbic pathways",
        difficulty=1,
    ),
    Condition(
        "obsessive-compulsive disorder",
        "psychiatry",
        decisive("hands raw from washing fifty times a day", "checking the stove for hours though it feels absurd")
        + shown_by("Yale-Brown scale", "Yale-Brown score of 27", source="DSM-5")
        + shown_by("Yale-Brown scale", "two hours of rituals a day on a rating scale")
        + typical("anxiety", "low mood", "poor sleep", "restlessness", "social withdrawal", "dry skin", "fatigue")
        + typical(),
        "fluoxetine",
        "NICE CG31",
        also_accepted=(
            "sertraline",
            "fluvoxamine",
            "paroxetine",
            "escitalopram",
            "clomipramine",
            "citalopram",
            "venlafaxine",
        )
        + ("cognitive behavioural therapy",),
        ages=(18, 45),
        test="Yale-Brown scale",
        mechanism="overactive cortico-striatal loops",
        difficulty=1,
    ),
    Condition(
        "attention deficit hyperactivity disorder",
        "psychiatry",
        decisive(
            "careless mistakes and lost keys since primary school",
            "talking over others and leaving every task half done since childhood",
        )
        + shown_by(
            "structured developmental interview", "eight inattentive criteria before the age of twelve", source="DSM-5"
        )
        + shown_by("structured developmental interview", "impairment at home and at work since age seven")
        + typical("restlessness", "poor judgement", "poor sleep", "mood change", "anxiety", "poor school marks")
        + typical("overspending", "normal examination"),
        "methylphenidate",
        "NICE NG87",
        also_accepted=("lisdexamfetamine", "atomoxetine", "dexamfetamine", "guanfacine", "amphetamine", "bupropion"),
        ages=(18, 40),
        test="structured developmental interview",
        mechanism="low prefrontal dopamine and noradrenaline",
    ),
    Condition(
        "bulimia nervosa",
        "psychiatry",
        decisive("callused knuckles with worn front teeth", "secret binges followed by vomiting")
        + shown_by("eating disorder examination", "weekly binges with purging at normal weight", source="DSM-5")
        + shown_by("eating disorder examination", "self-worth ruled by shape with a BMI of 22")
        + typical("low mood", "anxiety", "sore throat", "missed periods", "low potassium", "muscle cramps", "dizziness")
        + typical("bloating", "heartburn"),
        "fluoxetine",
        "APA 2023",
        also_accepted=("sertraline", "topiramate", "cognitive behavioural therapy"),
        sex="female",
        ages=(18, 35),
        test="eating disorder examination",
        mechanism="cycle of restraint, loss of control and purging",
    ),
    Condition(
        "post-traumatic stress disorder",
        "psychiatry",
        decisive("flashbacks of a bombing", "nightmares of an assault and avoiding the street where it happened")
        + shown_by("clinician-administered trauma scale", "high trauma scale score after an ambush", source="DSM-5")
        + shown_by("clinician-administered trauma scale", "startle and avoidance for six months after a crash")
        + typical(
            "poor sleep", "anxiety", "low mood", "restlessness", "social withdrawal", "heavy drinking", "sweating"
        )
        + typical("palpitations", "memory loss"),
        "trauma-focused cognitive behavioural therapy",
        "NICE NG116",
        also_accepted=(
            "sertraline",
            "paroxetine",
            "venlafaxine",
            "fluoxetine",
            "cognitive behavioural therapy",
            "prazosin",
        ),
        ages=(20, 60),
        test="clinician-administered trauma scale",
        mechanism="fear memory that does not extinguish",
        difficulty=1,
    ),
    Condition(
        "opioid use disorder",
        "psychiatry",
        decisive("yawning, gooseflesh and wide pupils a day after the last heroin", "pawned furniture to buy oxycodone")
        + shown_by("urine toxicology with interview", "morphine in urine with seven use criteria", source="DSM-5")
        + shown_by("urine toxicology with interview", "fentanyl in urine and failed attempts to stop")
        + typical(
            "injection drug use", "low mood", "poor sleep", "restlessness", "sweating", "constipation", "weight loss"
        )
        + typical("anxiety", "runny nose", "watery diarrhoea"),
        "buprenorphine",
        "ASAM 2020",
        also_accepted=(
            "methadone",
            "naltrexone",
            "lofexidine",
            "clonidine",
        ),
        aim="as substitution",
        ages=(20, 50),
        test="urine toxicology with interview",
        mechanism="adaptation of mu receptors to constant opioids",
    ),
    Condition(
        "panic disorder",
        "psychiatry",
        decisive(
            "sudden terror of dying that peaks in ten minutes, again and again",
            "fear of the next attack that keeps her off buses",
        )
        + shown_by(
            "panic disorder severity scale", "weekly unexpected attacks with a normal ECG and TSH", source="DSM-5"
        )
        + shown_by("panic disorder severity scale", "high panic scale with a month of dread between attacks")
        + typical("palpitations", "sweating", "chest tightness", "dizziness", "tremor", "anxiety", "tingling hands")
        + typical("fast pulse", "breathlessness at rest", "poor sleep", "normal examination"),
        "escitalopram",
        "NICE CG113",
        also_accepted=("sertraline", "paroxetine", "venlafaxine", "citalopram", "fluoxetine", "lorazepam", "alprazolam")
        + ("clonazepam", "cognitive behavioural therapy", "propranolol", "diazepam", "imipramine"),
        sex="female",
        ages=(18, 45),
        test="panic disorder severity scale",
        mechanism="false alarm of the amygdala and its fear circuit",
        difficulty=1,
    ),
)
