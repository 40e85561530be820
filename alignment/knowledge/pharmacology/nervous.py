"""Drugs for epilepsy, migraine, movement, memory, pain and anaesthesia."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_FOCAL = "focal epilepsy"
_GENERALISED = "generalised epilepsy"
_STATUS = "status epilepticus"
_PARKINSON = "Parkinson disease"
_ALZHEIMER = "Alzheimer disease"
_NEUROPATHIC = "neuropathic pain"
_SEVERE_PAIN = "severe pain"
_DEPENDENCE = "opioid use disorder"
_ANAESTHESIA = "induction of anaesthesia"

FAMILIES = (
    Family(
        "sodium channel blocker",
        "",
        (
            agent(
                "carbamazepine",
                _FOCAL,
                "bipolar disorder",
                also=("trigeminal neuralgia",),
                no=no("bone marrow failure", source=LABEL),
                effects=can("aplastic anaemia", "Stevens-Johnson syndrome", source=LABEL) + can("hepatitis"),
            ),
            agent("oxcarbazepine", _FOCAL),
            agent(
                "lamotrigine",
                _FOCAL,
                _GENERALISED,
                also=("bipolar disorder",),
                effects=can("insomnia"),
                known_for=("Stevens-Johnson syndrome",),
            ),
            agent("lacosamide", also=(_FOCAL,), no=no("second-degree heart block"), effects=can("heart block")),
        ),
        effects=can("double vision", "dizziness", "low sodium", "rash"),
    ),
    Family(
        "hydantoin",
        "",
        (
            agent(
                "phenytoin",
                _FOCAL,
                also=(_STATUS,),
                no=no("sinus bradycardia", "second-degree heart block", source=LABEL) + no("pregnancy", "HLA-B*15:02"),
                effects=can("nystagmus", "ataxia", "megaloblastic anaemia", "Stevens-Johnson syndrome")
                + can("osteoporosis", "excess hair growth"),
                known_for=("gingival overgrowth",),
            ),
        ),
    ),
    Family(
        "branched fatty acid",
        "",
        (
            agent(
                "valproate",
                _GENERALISED,
                also=(
                    "bipolar disorder",
                    "migraine",
                ),
                no=no("past pancreatitis"),
                effects=can("liver failure", "pancreatitis", "neural tube defects", source=LABEL)
                + can("weight gain", "tremor", "hair loss", "thrombocytopenia"),
                known_for=("raised ammonia with normal liver enzymes",),
            ),
        ),
    ),
    Family(
        "SV2A ligand",
        "binds synaptic vesicle protein SV2A",
        (
            agent(
                "levetiracetam",
                also=(
                    _FOCAL,
                    _GENERALISED,
                    _STATUS,
                ),
                effects=can("drowsiness"),
            ),
        ),
        known_for=("irritability and aggression",),
    ),
    Family(
        "carbonic anhydrase-inhibiting anticonvulsant",
        "blocks AMPA receptors and carbonic anhydrase",
        (
            agent("topiramate", _GENERALISED, also=("migraine",), effects=can("fetal oral clefts", "paraesthesia")),
            agent("zonisamide", also=(_FOCAL,), no=no("sulfonamide allergy", source=LABEL)),
        ),
        no("recurrent kidney stones"),
        can("kidney stones", "weight loss", "metabolic acidosis", "acute angle closure"),
        ("word-finding difficulty",),
    ),
    Family(
        "GABA transaminase inhibitor",
        "irreversibly inhibits GABA transaminase",
        (agent("vigabatrin", "infantile spasms", effects=can("drowsiness", "weight gain")),),
        known_for=("permanent visual field loss",),
    ),
    Family(
        "T-type calcium channel blocker",
        "",
        (agent("ethosuximide", "childhood absence epilepsy"),),
        effects=can("nausea", "hiccups", "drowsiness"),
    ),
    Family(
        "gabapentinoid",
        "",
        (
            agent(
                "gabapentin",
                "restless legs syndrome",
                also=(
                    _NEUROPATHIC,
                    _FOCAL,
                ),
            ),
            agent(
                "pregabalin",
                also=(
                    _NEUROPATHIC,
                    _FOCAL,
                    "fibromyalgia",
                ),
            ),
        ),
        effects=can("drowsiness", "dizziness", "ankle swelling", "weight gain"),
    ),
    Family(
        "barbiturate",
        "",
        (
            agent("primidone", _FOCAL, also=("essential tremor",)),
            agent(
                "phenobarbital",
                "generalised epilepsy",
                also=(
                    _STATUS,
                    "neonatal seizures",
                ),
            ),
            agent("thiopental", also=(_ANAESTHESIA,), effects=can("hypotension")),
        ),
        no("acute porphyria", source=LABEL) + no("respiratory depression"),
        can("drowsiness", "respiratory depression", "ataxia"),
    ),
    Family(
        "triptan",
        "",
        (
            agent("sumatriptan", "migraine", also=("cluster headache",)),
            agent("rizatriptan", "migraine"),
            agent("zolmitriptan", "migraine", also=("cluster headache",)),
        ),
        no(
            "coronary artery disease",
            "past stroke",
            "uncontrolled hypertension",
            "peripheral artery disease",
            source=LABEL,
        ),
        can("chest tightness", "flushing", "tingling", "coronary spasm"),
    ),
    Family(
        "CGRP antagonist",
        "",
        (
            agent("rimegepant", "migraine", source=GENERAL, effects=can("nausea")),
            agent("erenumab", "migraine", source=GENERAL, effects=can("constipation", "hypertension")),
        ),
    ),
    Family(
        "ergot alkaloid",
        "constricts vessels through 5-HT and alpha receptors alike",
        (agent("ergotamine", "migraine"), agent("dihydroergotamine", "migraine")),
        no(
            "coronary artery disease",
            "pregnancy",
            "uncontrolled hypertension",
            "peripheral artery disease",
            source=LABEL,
        ),
        can("nausea", "coronary spasm"),
        ("gangrene of the fingers",),
    ),
    Family(
        "dopamine precursor",
        "",
        (agent("levodopa-carbidopa", _PARKINSON, source=GENERAL),),
        effects=can("nausea", "orthostatic hypotension", "hallucinations"),
        known_for=("dyskinesia at peak dose",),
    ),
    Family(
        "COMT inhibitor",
        "inhibits catechol-O-methyltransferase",
        (
            agent("entacapone", _PARKINSON, effects=can("brown urine", "diarrhoea")),
            agent("tolcapone", _PARKINSON, no=no("severe liver failure", source=LABEL), effects=can("liver failure")),
        ),
        effects=can("dyskinesia"),
    ),
    Family(
        "MAO-B inhibitor",
        "inhibits monoamine oxidase B",
        (agent("selegiline", _PARKINSON), agent("rasagiline", _PARKINSON)),
        effects=can("insomnia", "orthostatic hypotension", "dyskinesia"),
    ),
    Family(
        "adamantane",
        "releases dopamine and blocks NMDA receptors weakly",
        (
            agent(
                "amantadine",
                _PARKINSON,
                also=("dyskinesia on levodopa",),
                effects=can("hallucinations", "ankle swelling"),
            ),
        ),
        known_for=("livedo reticularis",),
    ),
    Family(
        "central anticholinergic",
        "blocks striatal muscarinic receptors",
        (
            agent("trihexyphenidyl", _PARKINSON, also=("acute dystonia",)),
            agent("benzatropine", _PARKINSON, also=("acute dystonia",)),
        ),
        no("narrow-angle glaucoma", "bowel obstruction", "urinary retention"),
        can("dry mouth", "confusion", "urinary retention", "blurred vision", "constipation"),
    ),
    Family(
        "VMAT2 inhibitor",
        "depletes vesicular monoamines",
        (agent("tetrabenazine", also=("Huntington disease",), effects=can("parkinsonism", "drowsiness")),),
        no("severe liver failure", source=LABEL),
        can("depressed mood", source=LABEL),
    ),
    Family(
        "central cholinesterase inhibitor",
        "inhibits acetylcholinesterase in the brain",
        (
            agent("donepezil", _ALZHEIMER),
            agent("rivastigmine", _ALZHEIMER, also=("dementia with Lewy bodies",)),
            agent("galantamine", _ALZHEIMER),
        ),
        no("sinus bradycardia", "second-degree heart block"),
        can("nausea", "diarrhoea", "slow pulse", "vivid dreams"),
    ),
    Family(
        "NMDA antagonist",
        "blocks open NMDA channels",
        (
            agent("memantine", also=(_ALZHEIMER,), effects=can("dizziness", "constipation")),
            agent(
                "ketamine",
                also=(
                    _ANAESTHESIA,
                    "procedural sedation",
                ),
                no=no("uncontrolled hypertension"),
                effects=can("hypertension", "salivation"),
                known_for=("emergence hallucinations",),
            ),
        ),
    ),
    Family(
        "cholinesterase inhibitor",
        "",
        (
            agent("pyridostigmine", also=("myasthenia gravis",)),
            agent("neostigmine", also=("reversal of neuromuscular block",), effects=can("bronchospasm")),
        ),
        no("bowel obstruction", source=LABEL),
        can("abdominal cramps", "salivation", "slow pulse", "diarrhoea"),
    ),
    Family(
        "glutamate release inhibitor",
        "reduces presynaptic glutamate release",
        (agent("riluzole", "amyotrophic lateral sclerosis", effects=can("hepatitis", "fatigue")),),
        no("severe liver failure"),
    ),
    Family(
        "GABA-B agonist",
        "stimulates GABA-B receptors",
        (agent("baclofen", also=("spasticity",), effects=can("drowsiness", "muscle weakness")),),
        known_for=("seizures and fever on sudden withdrawal",),
    ),
    Family(
        "ryanodine receptor blocker",
        "blocks calcium release in skeletal muscle",
        (
            agent(
                "dantrolene",
                also=(
                    "malignant hyperthermia",
                    "spasticity",
                ),
                effects=can("muscle weakness", "hepatitis"),
            ),
        ),
        no("severe liver failure"),
    ),
    Family(
        "opioid",
        "stimulates mu-opioid receptors",
        (
            agent(
                "morphine",
                also=(
                    _SEVERE_PAIN,
                    "cancer pain",
                ),
                no=no("kidney failure"),
            ),
            agent("oxycodone", also=(_SEVERE_PAIN,)),
            agent(
                "fentanyl",
                also=(
                    _SEVERE_PAIN,
                    _ANAESTHESIA,
                ),
                known_for=("chest wall rigidity",),
            ),
            agent("codeine", also=("mild to moderate pain",), no=no("age under eight", "breastfeeding")),
            agent(
                "methadone",
                also=(
                    _DEPENDENCE,
                    "cancer pain",
                ),
                no=no("long QT interval"),
                effects=can("long QT interval", source=LABEL),
            ),
            agent("hydromorphone", also=(_SEVERE_PAIN,)),
            agent(
                "pethidine",
                also=(_SEVERE_PAIN,),
                no=no("kidney failure"),
                effects=can("seizures", "serotonin syndrome"),
            ),
            agent(
                "tramadol",
                also=("mild to moderate pain",),
                no=no("epilepsy"),
                effects=can("serotonin syndrome", "seizures", source=LABEL),
            ),
        ),
        no("respiratory depression", "bowel obstruction", "acute asthma attack", source=LABEL),
        can("constipation", "itching", "nausea", "dependence", "urinary retention"),
        ("respiratory depression with pinpoint pupils",),
    ),
    Family(
        "partial opioid agonist",
        "stimulates mu-opioid receptors partially",
        (
            agent(
                "buprenorphine",
                also=(
                    _DEPENDENCE,
                    "chronic pain",
                ),
                effects=can("constipation", "headache"),
            ),
        ),
        known_for=("withdrawal when given to a patient on full opioids",),
    ),
    Family(
        "opioid antagonist",
        "",
        (
            agent("naloxone", also=("opioid overdose",), effects=can("acute opioid withdrawal")),
            agent(
                "naltrexone",
                also=(
                    "alcohol dependence",
                    _DEPENDENCE,
                ),
                no=no("current opioid use", "severe liver failure"),
                effects=can("nausea", "acute opioid withdrawal", "hepatitis"),
            ),
        ),
    ),
    Family(
        "non-opioid analgesic",
        "inhibits central prostaglandin synthesis",
        (
            agent(
                "paracetamol",
                "migraine",
                also=(
                    "fever",
                    "mild to moderate pain",
                    "osteoarthritis",
                ),
            ),
        ),
        no("severe liver failure", source=LABEL),
        known_for=("centrilobular liver necrosis in overdose",),
    ),
    Family(
        "intravenous anaesthetic",
        "potentiates GABA-A receptors at their anaesthetic site",
        (
            agent(
                "propofol",
                also=(
                    _ANAESTHESIA,
                    "sedation in intensive care",
                ),
                known_for=("lactic acidosis on long infusion",),
            ),
            agent(
                "etomidate",
                also=(_ANAESTHESIA,),
                effects=can("myoclonus", "vomiting"),
                known_for=("adrenal suppression",),
            ),
        ),
        effects=can("hypotension", "pain on injection"),
    ),
    Family(
        "volatile anaesthetic",
        "potentiates GABA-A and two-pore potassium channels",
        (
            agent("sevoflurane", also=("maintenance of anaesthesia",)),
            agent("isoflurane", also=("maintenance of anaesthesia",)),
        ),
        no("family history of malignant hyperthermia", source=LABEL),
        can("hypotension", "respiratory depression"),
        ("malignant hyperthermia",),
    ),
    Family(
        "depolarising muscle relaxant",
        "keeps nicotinic receptors open",
        (agent("suxamethonium", also=("rapid sequence intubation",), effects=can("muscle aches", "slow pulse")),),
        no("family history of malignant hyperthermia", "recent severe burns", source=LABEL) + no("high potassium"),
        can("high potassium", source=LABEL),
        ("malignant hyperthermia",),
    ),
    Family(
        "non-depolarising muscle relaxant",
        "competes with acetylcholine at nicotinic receptors",
        (
            agent("rocuronium", also=("rapid sequence intubation",)),
            agent("vecuronium", also=("muscle relaxation in surgery",)),
        ),
        effects=can("anaphylaxis", "prolonged paralysis in myasthenia"),
    ),
    Family(
        "local anaesthetic",
        "blocks axonal sodium channels from inside",
        (
            agent(
                "lidocaine",
                also=(
                    "local anaesthesia",
                    "ventricular tachycardia",
                ),
                no=no("second-degree heart block"),
            ),
            agent("bupivacaine", also=("epidural analgesia",), effects=can("ventricular fibrillation")),
        ),
        effects=can("perioral tingling", "seizures"),
    ),
    Family(
        "alpha-2 sedative",
        "stimulates alpha-2 receptors of the locus coeruleus",
        (agent("dexmedetomidine", also=("sedation in intensive care",), effects=can("slow pulse", "hypotension")),),
    ),
)
