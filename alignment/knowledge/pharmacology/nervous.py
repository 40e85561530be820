"""Drugs for epilepsy, migraine, movement and memory."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_FOCAL = "focal epilepsy"
_GENERALISED = "generalised epilepsy"
_STATUS = "status epilepticus"
_PARKINSON = "Parkinson disease"
_ALZHEIMER = "Alzheimer disease"
_NEUROPATHIC = "neuropathic pain"
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
        "damps neurons and inhibits carbonic anhydrase",
        (
            agent(
                "topiramate",
                _GENERALISED,
                also=("migraine",),
                effects=can("fetal oral clefts", "paraesthesia"),
                no=no("pregnancy"),
            ),
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
            agent("primidone", _FOCAL, also=("essential tremor",), no=no("pregnancy")),
            agent(
                "phenobarbital",
                "generalised epilepsy",
                also=(
                    _STATUS,
                    "neonatal seizures",
                ),
                no=no("pregnancy"),
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
        )
        + no("severe liver failure"),
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
        )
        + no("severe liver failure"),
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
                no=no("kidney failure"),
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
            agent("donepezil", _ALZHEIMER, no=no("long QT interval")),
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
            agent(
                "neostigmine",
                also=("reversal of neuromuscular block",),
                effects=can("bronchospasm"),
                no=no("severe asthma"),
            ),
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
        (
            agent(
                "baclofen", also=("spasticity",), effects=can("drowsiness", "muscle weakness"), no=no("kidney failure")
            ),
        ),
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
)
