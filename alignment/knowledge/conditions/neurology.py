"""Conditions of the nervous system beyond the core."""

from alignment.knowledge.schema import GENERAL, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "acute ischaemic stroke",
        "neurology",
        decisive(
            "sudden loss of speech with a limp right arm", "gaze fixed to the side of a new brain lesion an hour ago"
        )
        + shown_by("CT of the head with CT angiography", "clot in the middle cerebral artery", source="AHA/ASA 2019")
        + shown_by("CT of the head with CT angiography", "early loss of the insular ribbon without blood")
        + typical("slurred speech", "hypertension", "unsteady walking", "facial palsy", "palpitations", "smoking")
        + typical("confusion", "high cholesterol", "dizziness", "blurred vision"),
        "alteplase",
        "AHA/ASA 2019",
        also_accepted=("tenecteplase", "mechanical thrombectomy", "aspirin", "clopidogrel"),
        aim="two hours after onset, without anticoagulants",
        ages=(45, 80),
        test="CT of the head with CT angiography",
        also_tests=("MRI of the brain", "CT of the head without contrast"),
        mechanism="arterial occlusion infarcts brain tissue",
        difficulty=1,
    ),
    Condition(
        "subarachnoid haemorrhage",
        "neurology",
        decisive("thunderclap headache during exercise", "worst headache of her life that peaked in a second")
        + shown_by("CT of the head without contrast", "blood in the basal cisterns", source="AHA/ASA 2023")
        + shown_by("CT of the head without contrast", "xanthochromic CSF after a negative scan")
        + typical("headache", "vomiting", "neck stiffness", "light sensitivity", "confusion", "hypertension")
        + typical("drowsiness", "smoking", "fainting", "double vision"),
        "nimodipine",
        "AHA/ASA 2023",
        aim="to prevent delayed ischaemia",
        sex="female",
        ages=(35, 70),
        test="CT of the head without contrast",
        also_tests=("CT of the head with CT angiography", "lumbar puncture"),
        mechanism="a berry aneurysm bursts into the CSF",
        difficulty=1,
    ),
    Condition(
        "relapse of multiple sclerosis",
        "neurology",
        decisive("electric shock down the spine on bending the neck", "pain on moving an eye whose sight is fading")
        + decisive("weakness that comes back in a hot bath")
        + shown_by("MRI of the brain and spine", "plaques at right angles to the ventricles", source="McDonald 2017")
        + shown_by("MRI of the brain and spine", "new enhancing lesion beside older ones")
        + typical("double vision", "unsteady walking", "fatigue", "tingling feet", "urgency to void", "dizziness")
        + typical("muscle weakness", "blurred vision", "low mood"),
        "methylprednisolone",
        "NICE NG220",
        also_accepted=("prednisone", "plasma exchange", "dexamethasone", "interferon beta", "ocrelizumab")
        + ("glatiramer acetate", "natalizumab"),
        aim="for the relapse",
        ages=(18, 50),
        test="MRI of the brain and spine",
        also_tests=("MRI of the brain", "lumbar puncture"),
        mechanism="immune demyelination of the central nervous system",
        difficulty=1,
    ),
    Condition(
        "cluster headache",
        "neurology",
        decisive(
            "stabbing pain behind one eye at the same hour each night", "pacing the room during one-sided eye pain"
        )
        + decisive("one wet eye and drooping lid during attacks", source="ICHD-3")
        + shown_by("headache diary", "daily attacks of an hour for six weeks each spring")
        + typical("headache", "restlessness", "runny nose", "facial pain", "smoking", "sweating", "poor sleep")
        + typical("light sensitivity", "pain in brief bursts", "normal examination"),
        "high-flow oxygen",
        "American Headache Society 2016",
        also_accepted=("sumatriptan", "verapamil", "lithium", "prednisone", "zolmitriptan", "galcanezumab"),
        aim="for the attack",
        sex="male",
        ages=(20, 55),
        test="headache diary",
        mechanism="hypothalamic activation of trigeminal autonomic reflexes",
    ),
    Condition(
        "idiopathic intracranial hypertension",
        "neurology",
        decisive("headache with swollen discs in an obese young woman", "greying out of sight on bending forward")
        + decisive("whooshing in the ears with each heartbeat and blurred sight")
        + shown_by("lumbar puncture with opening pressure", "opening pressure of 36 cmH2O", source="IIH consensus 2018")
        + shown_by("lumbar puncture with opening pressure", "high opening pressure with normal CSF and MRI")
        + typical("headache", "morning headache", "obesity", "double vision", "blurred vision", "nausea", "back pain")
        + typical("dizziness", "low mood"),
        "acetazolamide",
        "IIH consensus 2018",
        also_accepted=("topiramate", "furosemide"),
        sex="female",
        ages=(18, 45),
        test="lumbar puncture with opening pressure",
        mechanism="impaired drainage raises CSF pressure",
    ),
    Condition(
        "Alzheimer disease",
        "neurology",
        decisive(
            "repeating the same question within minutes for two years", "getting lost on the way home from the shop"
        )
        + shown_by("CSF biomarkers with MRI", "low amyloid with high tau in CSF", source="NIA-AA")
        + shown_by("CSF biomarkers with MRI", "wasted hippocampi")
        + typical("confusion", "low mood", "poor sleep", "weight loss", "poor judgement", "anxiety", "restlessness")
        + typical("word-finding trouble", "memory loss"),
        "donepezil",
        "NICE NG97",
        also_accepted=("rivastigmine", "galantamine", "memantine", "lecanemab"),
        ages=(62, 80),
        test="CSF biomarkers with MRI",
        also_tests=("MRI of the brain",),
        mechanism="amyloid plaques and tau tangles",
        difficulty=1,
    ),
    Condition(
        "Huntington disease",
        "neurology",
        decisive("dance-like movements of face and hands", "father and aunt who died demented and fidgeting")
        + shown_by("HTT gene test", "forty-four CAG repeats")
        + shown_by("HTT gene test", "caudate atrophy with an expanded HTT allele")
        + typical("low mood", "poor judgement", "unsteady walking", "slurred speech", "weight loss", "restlessness")
        + typical("trouble swallowing", "memory loss", "mood change"),
        "tetrabenazine",
        "AAN 2012",
        also_accepted=("deutetrabenazine", "valbenazine", "amantadine", "risperidone", "olanzapine", "haloperidol"),
        aim="for chorea",
        ages=(30, 55),
        test="HTT gene test",
        mechanism="polyglutamine protein kills striatal neurons",
    ),
    Condition(
        "amyotrophic lateral sclerosis",
        "neurology",
        decisive("wasted hand with brisk reflexes", "fasciculating tongue with a spastic jaw jerk")
        + shown_by(
            "electromyography", "widespread denervation with intact sensory nerves", source="Gold Coast criteria"
        )
        + shown_by("electromyography", "fibrillation in three body regions")
        + typical("muscle weakness", "muscle cramps", "trouble swallowing", "slurred speech", "weight loss")
        + typical("low mood", "breathlessness at rest", "fatigue"),
        "riluzole",
        "AAN 2009",
        also_accepted=("edaravone", "tofersen"),
        aim="to prolong survival",
        ages=(45, 75),
        test="electromyography",
        mechanism="death of upper and lower motor neurons",
    ),
    Condition(
        "normal pressure hydrocephalus",
        "neurology",
        decisive(
            "feet that seem glued to the floor with new incontinence", "walking better for a day after lumbar drainage"
        )
        + shown_by("CSF tap test with MRI", "large ventricles out of proportion to the sulci")
        + shown_by("CSF tap test with MRI", "narrow callosal angle with wide ventricles")
        + typical("unsteady walking", "memory loss", "urgency to void", "slow movement", "confusion", "low mood")
        + typical("daytime sleepiness", "frequent urination"),
        "ventriculoperitoneal shunt",
        "iNPH guideline 2021",
        ages=(62, 80),
        test="CSF tap test with MRI",
        also_tests=("MRI of the brain",),
        mechanism="impaired CSF absorption widens the ventricles",
    ),
    Condition(
        "Wernicke encephalopathy",
        "neurology",
        decisive(
            "nystagmus with confusion in a drinker", "eye muscle palsy after weeks of vomiting in a bariatric patient"
        )
        + shown_by("MRI of the brain", "bright mammillary bodies", source="EFNS 2010")
        + shown_by("MRI of the brain", "symmetric signal around the aqueduct")
        + typical("confusion", "unsteady walking", "double vision", "weight loss", "vomiting", "drowsiness")
        + typical("heavy drinking", "tingling feet", "memory loss"),
        "thiamine",
        "EFNS 2010",
        ages=(35, 65),
        test="MRI of the brain",
        mechanism="lack of thiamine stalls brain glucose metabolism",
        difficulty=1,
    ),
    Condition(
        "narcolepsy type 1",
        "neurology",
        decisive("knees that buckle with laughter", "vivid dreams on falling asleep with sleep paralysis")
        + shown_by("multiple sleep latency test", "REM sleep within minutes in four naps", source="ICSD-3")
        + shown_by("multiple sleep latency test", "undetectable hypocretin in CSF with short sleep latency")
        + typical("daytime sleepiness", "poor sleep", "obesity", "low mood", "fatigue", "memory loss", "headache")
        + typical("normal examination"),
        "modafinil",
        "AASM 2021",
        also_accepted=("pitolisant", "sodium oxybate", "solriamfetol", "methylphenidate", "venlafaxine"),
        aim="for sleepiness",
        ages=(18, 40),
        test="multiple sleep latency test",
        mechanism="loss of hypocretin neurons",
    ),
    Condition(
        "Lambert-Eaton syndrome",
        "neurology",
        decisive("reflexes that return after exercise", "weak hips with a dry mouth in a smoker")
        + shown_by("repetitive nerve stimulation", "twofold increment at high stimulation rates")
        + shown_by("repetitive nerve stimulation", "antibodies to P/Q calcium channels with small action potentials")
        + typical(
            "muscle weakness", "fatigue", "weight loss", "absent reflexes", "smoking", "dry mouth", "constipation"
        )
        + typical("erectile dysfunction", "double vision"),
        "amifampridine",
        GENERAL,
        also_accepted=("pyridostigmine", "intravenous immunoglobulin", "plasma exchange", "prednisone", "azathioprine"),
        aim="for symptoms",
        sex="male",
        ages=(45, 75),
        test="repetitive nerve stimulation",
        mechanism="antibodies block presynaptic calcium channels",
        difficulty=3,
    ),
    Condition(
        "restless legs syndrome",
        "neurology",
        decisive("creeping legs at rest that walking relieves", "urge to move the legs every evening")
        + shown_by("serum ferritin with sleep study", "periodic limb movements with a ferritin of 30")
        + typical("poor sleep", "fatigue", "daytime sleepiness", "low mood", "anxiety", "normal examination")
        + typical("leg pain", "low ferritin stores", "muscle cramps")
        + decisive("partner kicked all night by jerking legs"),
        "gabapentin",
        "AASM 2025",
        also_accepted=(
            "pregabalin",
            "pramipexole",
            "ropinirole",
            "ferrous sulfate",
            "intravenous iron",
            "gabapentin enacarbil",
        )
        + ("rotigotine", "levodopa-carbidopa"),
        ages=(30, 75),
        test="serum ferritin with sleep study",
        mechanism="brain iron lack disturbs dopamine at night",
    ),
    Condition(
        "temporal lobe epilepsy",
        "neurology",
        decisive(
            "rising feeling in the stomach before staring and lip smacking",
            "sudden deja vu before a blank spell of a minute",
        )
        + shown_by("sleep-deprived EEG", "anterior temporal sharp waves", source="ILAE")
        + shown_by("sleep-deprived EEG", "hippocampal sclerosis on the side of the spikes")
        + typical("seizures", "confusion", "memory loss", "anxiety", "low mood", "fatigue", "drowsiness")
        + typical("headache", "muscle aches"),
        "lamotrigine",
        "NICE NG217",
        also_accepted=("levetiracetam", "carbamazepine", "oxcarbazepine", "lacosamide", "valproate", "phenytoin")
        + ("topiramate", "zonisamide", "gabapentin", "primidone"),
        aim="to prevent seizures",
        ages=(18, 60),
        test="sleep-deprived EEG",
        also_tests=("MRI of the brain",),
        mechanism="abnormal firing of mesial temporal neurons",
    ),
)
