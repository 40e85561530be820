"""Drugs for mood, psychosis, anxiety, sleep, attention and dependence."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_DEPRESSION = "major depressive disorder"
_GAD = "generalised anxiety disorder"
_OCD = "obsessive-compulsive disorder"
_PANIC = "panic disorder"
_SCHIZOPHRENIA = "schizophrenia"
_BIPOLAR = "bipolar disorder"
_ADHD = "attention deficit hyperactivity disorder"
_INSOMNIA = "insomnia"
_STATUS = "status epilepticus"

FAMILIES = (
    Family(
        "SSRI",
        "blocks serotonin reuptake",
        (
            agent(
                "fluoxetine",
                "panic disorder",
                also=(
                    _DEPRESSION,
                    "bulimia nervosa",
                    _OCD,
                ),
            ),
            agent(
                "sertraline",
                _PANIC,
                also=(
                    _DEPRESSION,
                    _OCD,
                    "post-traumatic stress disorder",
                ),
            ),
            agent(
                "citalopram",
                also=(_DEPRESSION,),
                no=no("long QT interval"),
                effects=can("long QT interval", source=LABEL),
            ),
            agent(
                "escitalopram",
                also=(
                    _DEPRESSION,
                    _GAD,
                ),
                effects=can("long QT interval"),
                no=no("long QT interval"),
            ),
            agent("paroxetine", _PANIC, also=(_DEPRESSION,), effects=can("weight gain", "fetal heart defects")),
            agent("fluvoxamine", also=(_OCD,)),
        ),
        effects=can("nausea", "low sodium", "gastric bleeding", "serotonin syndrome", "insomnia"),
        known_for=("delayed orgasm",),
    ),
    Family(
        "SNRI",
        "",
        (
            agent(
                "venlafaxine",
                "panic disorder",
                also=(
                    _DEPRESSION,
                    _GAD,
                    "menopausal hot flushes",
                ),
            ),
            agent(
                "duloxetine",
                also=(
                    _DEPRESSION,
                    "painful diabetic neuropathy",
                    "stress incontinence",
                ),
                no=no("severe liver failure") + no("kidney failure"),
            ),
        ),
        no("uncontrolled hypertension"),
        can("nausea", "sweating", "hypertension", "serotonin syndrome", "low sodium") + can("delayed orgasm"),
    ),
    Family(
        "tricyclic antidepressant",
        "blocks noradrenaline and serotonin reuptake with muscarinic receptors",
        (
            agent(
                "amitriptyline",
                also=(
                    _DEPRESSION,
                    "neuropathic pain",
                    "migraine",
                ),
            ),
            agent(
                "nortriptyline",
                also=(
                    _DEPRESSION,
                    "neuropathic pain",
                ),
            ),
            agent(
                "imipramine",
                also=(
                    _DEPRESSION,
                    "nocturnal enuresis",
                ),
            ),
            agent("clomipramine", also=(_OCD,)),
        ),
        no("narrow-angle glaucoma", "second-degree heart block", "urinary retention", "long QT interval"),
        can("dry mouth", "constipation", "urinary retention", "weight gain", "orthostatic hypotension")
        + can("delayed orgasm"),
        ("wide QRS in overdose",),
    ),
    Family(
        "monoamine oxidase inhibitor",
        "irreversibly inhibits both monoamine oxidases",
        (
            agent("phenelzine", also=(_DEPRESSION,), no=no("severe liver failure")),
            agent("tranylcypromine", also=(_DEPRESSION,)),
        ),
        no("untreated phaeochromocytoma", source=LABEL),
        can("orthostatic hypotension", "weight gain", "insomnia"),
        ("hypertensive crisis after mature cheese",),
    ),
    Family(
        "alpha-2 blocking antidepressant",
        "blocks presynaptic alpha-2 receptors",
        (agent("mirtazapine", also=(_DEPRESSION,), effects=can("drowsiness", "agranulocytosis") + can("weight gain")),),
    ),
    Family(
        "noradrenaline-dopamine reuptake inhibitor",
        "blocks noradrenaline and dopamine reuptake",
        (
            agent(
                "bupropion", "nicotine dependence", "obesity", also=(_DEPRESSION,), effects=can("insomnia", "dry mouth")
            ),
        ),
        no("epilepsy", "eating disorder", source=LABEL),
        can("seizures", source=LABEL),
    ),
    Family(
        "serotonin antagonist and reuptake inhibitor",
        "blocks 5-HT2A receptors and serotonin reuptake",
        (
            agent(
                "trazodone",
                also=(
                    _DEPRESSION,
                    _INSOMNIA,
                ),
                effects=can("drowsiness", "orthostatic hypotension"),
            ),
        ),
        known_for=("priapism",),
    ),
    Family(
        "mood stabiliser salt",
        "",
        (agent("lithium", _BIPOLAR, no=no("pregnancy")),),
        effects=can("tremor", "hypothyroidism", "weight gain", "high calcium", "chronic kidney disease"),
        known_for=("nephrogenic diabetes insipidus", "Ebstein anomaly in the fetus"),
    ),
    Family(
        "first-generation antipsychotic",
        "strongly blocks D2 receptors",
        (
            agent(
                "haloperidol",
                "Tourette syndrome",
                also=(
                    _SCHIZOPHRENIA,
                    "delirium",
                ),
                effects=can("long QT interval"),
                no=no("long QT interval"),
            ),
            agent(
                "chlorpromazine",
                also=(
                    _SCHIZOPHRENIA,
                    "intractable hiccups",
                ),
                effects=can("photosensitivity", "orthostatic hypotension", "cholestatic jaundice") + can("priapism"),
                no=no("long QT interval"),
            ),
            agent("fluphenazine", also=(_SCHIZOPHRENIA,)),
            agent(
                "prochlorperazine",
                also=(
                    "vertigo",
                    "nausea",
                ),
                effects=can("drowsiness"),
            ),
        ),
        no("Parkinson disease", "past neuroleptic malignant syndrome"),
        can("parkinsonism", "raised prolactin", "akathisia"),
        ("acute dystonia", "tardive dyskinesia", "neuroleptic malignant syndrome"),
    ),
    Family(
        "second-generation antipsychotic",
        "blocks 5-HT2A and D2 receptors",
        (
            agent("risperidone", _BIPOLAR, also=(_SCHIZOPHRENIA,), effects=can("raised prolactin", "parkinsonism")),
            agent("olanzapine", _BIPOLAR, also=(_SCHIZOPHRENIA,), effects=can("drowsiness")),
            agent("quetiapine", _BIPOLAR, also=(_SCHIZOPHRENIA,), effects=can("drowsiness", "cataract")),
            agent(
                "aripiprazole",
                _BIPOLAR,
                also=(_SCHIZOPHRENIA,),
                effects=can("akathisia") + can("pathological gambling"),
            ),
            agent(
                "clozapine",
                also=("treatment-resistant schizophrenia",),
                no=no("bone marrow failure", "past drug-induced agranulocytosis") + no("bowel obstruction"),
                effects=can("agranulocytosis", "myocarditis", "seizures", source=LABEL) + can("severe constipation"),
                known_for=("drooling at night",),
            ),
            agent(
                "ziprasidone",
                "bipolar disorder",
                also=(_SCHIZOPHRENIA,),
                no=no("long QT interval", source=LABEL),
                effects=can("long QT interval"),
            ),
        ),
        no("past neuroleptic malignant syndrome"),
        can("weight gain", "raised glucose", "raised triglycerides", "tardive dyskinesia")
        + can("neuroleptic malignant syndrome"),
    ),
    Family(
        "long-acting benzodiazepine",
        "",
        (
            agent("chlordiazepoxide", also=("alcohol withdrawal",)),
            agent(
                "diazepam",
                "focal epilepsy",
                also=(
                    _STATUS,
                    "alcohol withdrawal",
                    "muscle spasm",
                ),
                no=no("severe liver failure"),
            ),
            agent("clonazepam", _PANIC, "generalised epilepsy", also=("myoclonus",), no=no("severe liver failure")),
        ),
        no("narrow-angle glaucoma", "respiratory depression", "myasthenia gravis"),
        can("drowsiness", "dependence", "falls", "ataxia"),
    ),
    Family(
        "short-acting benzodiazepine",
        "",
        (
            agent(
                "lorazepam",
                "panic disorder",
                also=(
                    _STATUS,
                    "alcohol withdrawal",
                    "catatonia",
                ),
            ),
            agent(
                "midazolam",
                also=(
                    "procedural sedation",
                    _STATUS,
                ),
            ),
            agent("alprazolam", _PANIC),
            agent("temazepam", also=(_INSOMNIA,)),
        ),
        no("narrow-angle glaucoma", "respiratory depression", "myasthenia gravis"),
        can("drowsiness", "dependence", "falls", "anterograde amnesia"),
    ),
    Family(
        "benzodiazepine antagonist",
        "blocks the benzodiazepine site of GABA-A",
        (agent("flumazenil", also=("benzodiazepine overdose",), effects=can("agitation")),),
        no("epilepsy"),
        can("seizures", source=LABEL),
    ),
    Family(
        "Z-drug",
        "potentiates alpha-1 GABA-A receptors",
        (agent("zolpidem", also=(_INSOMNIA,)), agent("zopiclone", also=(_INSOMNIA,), effects=can("metallic taste"))),
        no("sleepwalking on hypnotics", source=LABEL) + no("respiratory depression") + no("severe liver failure"),
        can("drowsiness", "dependence", "falls"),
        ("complex behaviour while asleep",),
    ),
    Family(
        "melatonin receptor agonist",
        "stimulates MT1 and MT2 receptors",
        (agent("ramelteon", also=(_INSOMNIA,)), agent("melatonin", also=("circadian rhythm sleep disorder",))),
        effects=can("dizziness", "drowsiness"),
    ),
    Family(
        "orexin antagonist",
        "blocks orexin receptors",
        (agent("suvorexant", _INSOMNIA, source=GENERAL, effects=can("drowsiness")),),
        known_for=("cataplexy-like weakness",),
    ),
    Family(
        "azapirone",
        "stimulates 5-HT1A receptors partially",
        (agent("buspirone", also=(_GAD,), effects=can("dizziness", "headache", "nausea")),),
    ),
    Family(
        "psychostimulant",
        "releases dopamine and blocks its reuptake",
        (
            agent("methylphenidate", "narcolepsy type 1", also=(_ADHD,), effects=can("priapism")),
            agent("dexamfetamine", "narcolepsy type 1", also=(_ADHD,)),
            agent(
                "lisdexamfetamine",
                also=(
                    _ADHD,
                    "binge eating disorder",
                ),
            ),
        ),
        no("uncontrolled hypertension", "coronary artery disease"),
        can("insomnia", "palpitations", "tics", "weight loss", "hypertension"),
        ("slowed growth in children",),
    ),
    Family(
        "noradrenaline reuptake inhibitor",
        "blocks noradrenaline reuptake alone",
        (agent("atomoxetine", also=(_ADHD,), effects=can("suicidal thoughts", "hepatitis", "urinary retention")),),
        no("narrow-angle glaucoma", "untreated phaeochromocytoma", source=LABEL),
    ),
    Family(
        "wakefulness promoter",
        "blocks the dopamine transporter weakly",
        (agent("modafinil", "narcolepsy type 1", effects=can("headache", "insomnia", "Stevens-Johnson syndrome")),),
    ),
    Family(
        "nicotinic partial agonist",
        "stimulates alpha-4 beta-2 nicotinic receptors partially",
        (agent("varenicline", also=("nicotine dependence",), effects=can("nausea", "vivid dreams")),),
    ),
    Family(
        "glutamate modulator",
        "calms overactive glutamate signalling in abstinence",
        (agent("acamprosate", also=("alcohol dependence",), effects=can("diarrhoea")),),
        no("kidney failure", source=LABEL),
    ),
    Family(
        "aldehyde dehydrogenase inhibitor",
        "inhibits aldehyde dehydrogenase",
        (
            agent(
                "disulfiram",
                also=("alcohol dependence",),
                effects=can("hepatitis", "metallic taste"),
                no=no("severe liver failure"),
            ),
        ),
        no("coronary artery disease", source=LABEL),
        known_for=("flushing and vomiting with alcohol",),
    ),
)
