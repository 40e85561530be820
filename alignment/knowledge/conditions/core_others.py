"""Additions to the core's conditions of nerves, joints and mind, its infections, poisonings and pelvic conditions."""

from alignment.knowledge.conditions.detail import Detail
from alignment.knowledge.schema import decisive, shown_by, typical

_MIND, _POISON = "psychiatry", "toxicology"
_WOMEN, _TRACT = "obstetrics and gynaecology", "nephrology and urology"

DETAILS = (
    Detail(
        "Lyme disease",
        "Borrelia serology",
        ("antibodies to Borrelia",),
        "spirochaetes spread through the skin from a tick",
        shown_by("Borrelia serology", "two-tier immunoblot bands", source="IDSA 2020")
        + typical("headache", "rash", "swollen joint", "neck stiffness", "palpitations", "fever", "chills"),
        accepted=("cefuroxime",),
        equal=True,
    ),
    Detail(
        "early syphilis",
        "treponemal serology",
        ("positive treponemal test",),
        "spirochaetes cause endarteritis of small vessels",
        shown_by("treponemal serology", "RPR of 1:64 with spirochaetes on dark field")
        + typical("rash", "headache", "sore throat", "fatigue", "swollen neck glands", "muscle aches"),
        accepted=("tetracycline", "benzylpenicillin"),
    ),
    Detail(
        "gonorrhoea",
        "gonococcal NAAT",
        ("gonococci inside neutrophils", "positive gonococcal NAAT"),
        "pili anchor diplococci to columnar epithelium",
        decisive("pus from the penis or cervix three days after casual sex")
        + typical("discharge", "joint pain", "swollen groin glands", "frequent urination", "no fever"),
        accepted=("gentamicin", "cefixime"),
    ),
    Detail(
        "genital chlamydia",
        "nucleic acid test of a vaginal swab",
        (),
        "obligate intracellular bacteria infect the cervix",
        shown_by("nucleic acid test of a vaginal swab", "intracellular bacteria without a cell wall in the swab")
        + shown_by("nucleic acid test of a vaginal swab", "elementary body RNA in the swab")
        + decisive("partner with watery urethritis and no gonococci")
        + typical(
            "pain on intercourse", "no fever", "abnormal vaginal bleeding", "abdominal pain", "frequent urination"
        ),
        accepted=("levofloxacin", "ofloxacin", "erythromycin"),
        dropped=("positive chlamydia NAAT", "contact of a chlamydia case"),
    ),
    Detail(
        "acute cystitis",
        "urine dipstick with culture",
        ("nitrites with leucocytes in urine", "coliform growth in urine"),
        "uropathogens adhere to the bladder lining",
        decisive("stinging after sex with small cloudy voids")
        + typical("pelvic pain", "getting up at night to void", "abdominal pain", "back pain"),
        also_tests=("urine culture",),
        accepted=(
            "trimethoprim",
            "pivmecillinam",
            "ciprofloxacin",
            "levofloxacin",
            "cefalexin",
            "gentamicin",
            "cefuroxime",
        ),
        equal=True,
    ),
    Detail(
        "falciparum malaria",
        "thick and thin blood films",
        ("ring forms in red cells", "banana-shaped gametocytes"),
        "infected red cells stick in small vessels",
        decisive("sweats every other day two weeks after Lagos without prophylaxis")
        + typical("chills", "recent travel", "low platelets", "low haemoglobin", "vomiting", "sweating", "confusion")
        + typical("fatigue", "watery diarrhoea"),
        accepted=("artesunate", "quinine", "mefloquine", "chloroquine", "primaquine", "tafenoquine"),
    ),
    Detail(
        "streptococcal pharyngitis",
        "rapid strep test",
        ("positive rapid strep test",),
        "group A streptococci inflame the tonsils",
        shown_by("rapid strep test", "group A antigen on a throat swab", source="IDSA 2012")
        + typical("chills", "nausea", "abdominal pain", "rash", "loss of appetite", "raised white cells"),
        accepted=("cefalexin", "clarithromycin", "erythromycin", "cefadroxil", "cefazolin", "amoxicillin-clavulanate"),
    ),
    Detail(
        "Pneumocystis pneumonia",
        "bronchoalveolar lavage",
        ("cysts on silver stain", "raised beta-D-glucan in HIV"),
        "fungal cysts fill alveoli with foam",
        decisive("slow breathlessness in untreated HIV with thrush and clear auscultation")
        + typical("fatigue", "low oxygen", "night sweats", "chest tightness", "breathlessness at rest", "mouth ulcers"),
        difficulty=2,
        accepted=("pentamidine", "dapsone", "primaquine", "prednisolone"),
    ),
    Detail(
        "scabies",
        "skin scraping microscopy",
        ("mites on skin scraping",),
        "mites tunnel through the horny layer",
        shown_by("skin scraping microscopy", "eggs and droppings under oil")
        + typical("rash", "poor sleep", "dry skin", "anxiety"),
        accepted=("benzyl benzoate", "ivermectin"),
        equal=True,
    ),
    Detail(
        "migraine",
        "headache history by ICHD-3",
        (),
        "trigeminovascular release of CGRP",
        shown_by("headache history by ICHD-3", "five attacks of a day with nausea and photophobia", source="ICHD-3")
        + typical(
            "dizziness",
            "blurred vision",
            "normal examination",
            "poor sleep",
            "anxiety",
            "facial pain",
            "neck stiffness",
        ),
        also_tests=("headache diary",),
        accepted=("rizatriptan", "zolmitriptan", "paracetamol", "aspirin", "ubrogepant", "topiramate", "metoclopramide")
        + ("diclofenac", "amitriptyline", "erenumab", "candesartan"),
    ),
    Detail(
        "trigeminal neuralgia",
        "MRI of the trigeminal nerve",
        ("vessel loop on the fifth nerve",),
        "compressed root fires ephaptically",
        shown_by("MRI of the trigeminal nerve", "artery indenting the root entry zone")
        + typical("headache", "low mood", "anxiety", "poor sleep", "loss of appetite"),
        accepted=("oxcarbazepine", "baclofen", "lamotrigine", "pregabalin"),
    ),
    Detail(
        "Parkinson disease",
        "dopamine transporter scan",
        (),
        "nigral neurons die with Lewy bodies",
        shown_by("dopamine transporter scan", "loss of the putaminal tail")
        + typical("poor sleep", "low mood", "unsteady walking", "fatigue", "daytime sleepiness", "trouble swallowing")
        + typical("urgency to void", "shaky handwriting"),
        accepted=("ropinirole", "rasagiline", "selegiline", "amantadine", "rotigotine", "entacapone", "trihexyphenidyl")
        + ("safinamide",),
    ),
    Detail(
        "childhood absence epilepsy",
        "EEG with hyperventilation",
        ("3 Hz spike-and-wave",),
        "thalamocortical T-type calcium currents",
        shown_by("EEG with hyperventilation", "generalised spikes on overbreathing")
        + typical("mood change", "poor sleep"),
        accepted=("lamotrigine",),
    ),
    Detail(
        "myasthenia gravis",
        "acetylcholine receptor antibody test",
        ("acetylcholine receptor antibodies", "thymoma with weakness"),
        "antibodies block the motor end plate",
        decisive("jaw that tires halfway through a steak")
        + typical("blurred vision", "breathlessness at rest", "hoarse voice", "weight loss", "unsteady walking"),
        accepted=(
            "rituximab",
            "eculizumab",
            "efgartigimod",
            "mycophenolate",
        ),
    ),
    Detail(
        "Guillain-Barre syndrome",
        "lumbar puncture with nerve conduction study",
        ("high CSF protein with few cells",),
        "molecular mimicry injures peripheral myelin",
        shown_by("lumbar puncture with nerve conduction study", "conduction block with raised CSF protein")
        + typical("unsteady walking", "facial palsy", "recent viral illness", "breathlessness at rest", "double vision")
        + typical("palpitations", "tingling hands", "leg pain"),
        equal=True,
    ),
    Detail(
        "bacterial meningitis",
        "lumbar puncture",
        ("cloudy CSF full of neutrophils", "diplococci in the CSF"),
        "encapsulated bacteria cross into the subarachnoid space",
        decisive("non-blanching rash with a stiff neck within hours")
        + typical(
            "drowsiness", "neck stiffness", "seizures", "chills", "rash", "low blood pressure", "raised CRP", "nausea"
        ),
        also_tests=("lumbar puncture with opening pressure",),
        accepted=(
            "cefotaxime",
            "vancomycin",
            "ampicillin",
            "meropenem",
            "dexamethasone",
            "benzylpenicillin",
        ),
    ),
    Detail(
        "essential tremor",
        "spiral drawing with thyroid tests",
        (),
        "oscillating cerebellar output",
        shown_by("spiral drawing with thyroid tests", "even tremulous spiral with a normal TSH")
        + typical("anxiety", "low mood", "trouble swallowing"),
        accepted=(
            "topiramate",
            "atenolol",
            "clonazepam",
            "alprazolam",
        ),
        equal=True,
    ),
    Detail(
        "acute gout",
        "joint fluid microscopy",
        ("needle-shaped crystals in the joint",),
        "urate crystals activate the inflammasome",
        shown_by("joint fluid microscopy", "negatively birefringent needles", source="ACR 2020")
        + typical(
            "joint pain", "mild fever", "raised CRP", "raised creatinine", "high cholesterol", "raised white cells"
        ),
        also_tests=("joint aspiration",),
        accepted=("colchicine", "indometacin", "prednisolone", "diclofenac", "anakinra", "allopurinol", "celecoxib")
        + ("methylprednisolone", "febuxostat"),
        equal=True,
    ),
    Detail(
        "rheumatoid arthritis",
        "anti-CCP test",
        ("anti-CCP antibodies", "joint erosions of both hands"),
        "synovial pannus erodes cartilage",
        decisive("nodules at the elbows with hand stiffness for an hour every morning")
        + typical(
            "joint pain", "low haemoglobin", "dry eyes", "mild fever", "tingling hands", "low mood", "muscle weakness"
        ),
        accepted=("leflunomide", "etanercept", "infliximab", "tofacitinib", "tocilizumab", "rituximab", "abatacept")
        + ("baricitinib", "upadacitinib", "celecoxib", "prednisolone"),
    ),
    Detail(
        "giant cell arteritis",
        "temporal artery biopsy",
        ("giant cells in the artery wall",),
        "granulomas narrow branches of the carotid artery",
        shown_by("temporal artery biopsy", "fragmented elastic lamina with macrophages")
        + typical(
            "mild fever", "fatigue", "low mood", "night sweats", "double vision", "morning stiffness", "facial pain"
        )
        + typical(
            "loss of appetite",
        ),
        accepted=("tocilizumab", "methylprednisolone", "prednisolone", "upadacitinib"),
    ),
    Detail(
        "systemic lupus erythematosus",
        "autoantibody and complement panel",
        ("anti-double-stranded DNA antibodies", "low C3 with antinuclear antibodies"),
        "immune complexes of nuclear antigens deposit in tissue",
        decisive("cheek rash in the sun with chest pain on breathing")
        + typical(
            "protein in urine", "low platelets", "rash", "weight loss", "pleuritic chest pain", "cold white fingers"
        )
        + typical("morning stiffness", "swollen joint", "low mood"),
        accepted=(
            "belimumab",
            "cyclophosphamide",
            "mycophenolate",
            "rituximab",
            "tacrolimus",
            "methylprednisolone",
            "anifrolumab",
            "voclosporin",
        ),
    ),
    Detail(
        "postmenopausal osteoporosis",
        "bone densitometry",
        ("bone density T-score of -3.1", "wedge fractures of the spine"),
        "resorption outpaces formation after oestrogen loss",
        decisive("wrist broken on a kerb and 4 cm shorter than her passport says")
        + typical("bone pain", "smoking", "fear of falling", "poor sleep"),
        accepted=(
            "risedronate",
            "denosumab",
            "teriparatide",
            "raloxifene",
            "romosozumab",
            "ibandronic acid",
        ),
        equal=True,
    ),
    Detail(
        "ankylosing spondylitis",
        "MRI of the sacroiliac joints",
        ("sacroiliitis on MRI", "bamboo spine on X-ray"),
        "HLA-B27-linked inflammation of entheses",
        decisive("waking at four with a stiff spine that needs a walk")
        + typical(
            "fatigue", "poor sleep", "swollen joint", "bloating", "light sensitivity", "watery diarrhoea", "joint pain"
        ),
        accepted=("etanercept", "infliximab", "secukinumab", "celecoxib", "diclofenac", "indometacin", "golimumab")
        + ("certolizumab", "tofacitinib", "upadacitinib", "ixekizumab"),
    ),
    Detail(
        "bipolar disorder",
        "mood history with drug screen",
        (),
        "unstable regulation of mood circuits",
        shown_by("mood history with drug screen", "episodes of mania with a clean drug screen", source="DSM-5")
        + typical(
            "poor sleep", "mood change", "anxiety", "heavy drinking", "low mood", "weight loss", "normal examination"
        ),
        accepted=("quetiapine", "olanzapine", "lamotrigine", "risperidone", "aripiprazole", "haloperidol", "lurasidone")
        + ("cariprazine", "asenapine"),
        specialty=_MIND,
        equal=True,
    ),
    Detail(
        "alcohol withdrawal",
        "CIWA assessment",
        ("high CIWA score",),
        "loss of GABA tone unmasks glutamate",
        shown_by("CIWA assessment", "score of 22 with coarse tremor", source="ASAM 2020")
        + typical(
            "heavy drinking", "tremor", "poor sleep", "nausea", "confusion", "seizures", "hypertension", "low mood"
        ),
        accepted=(
            "diazepam",
            "oxazepam",
            "phenobarbital",
            "clonazepam",
            "clonidine",
            "thiamine",
            "midazolam",
            "topiramate",
        ),
        specialty=_MIND,
    ),
    Detail(
        "opioid overdose",
        "response to naloxone with blood gas",
        (),
        "mu receptors silence the respiratory centre",
        shown_by("response to naloxone with blood gas", "raised carbon dioxide that falls after naloxone")
        + typical("small pupils", "confusion", "injection drug use", "fainting", "nausea", "low mood"),
        accepted=("nalmefene",),
        specialty=_POISON,
    ),
    Detail(
        "paracetamol overdose",
        "timed paracetamol level",
        ("paracetamol level over the line", "rising INR after an overdose"),
        "a toxic quinone drains hepatic glutathione",
        decisive("empty blister packs of cold remedy after a quarrel")
        + typical(
            "raised transaminases", "jaundice", "sweating", "drowsiness", "upper abdominal pain", "loss of appetite"
        ),
        accepted=("activated charcoal", "methionine"),
        specialty=_POISON,
    ),
    Detail(
        "methanol poisoning",
        "osmolal gap with methanol level",
        ("high formate level",),
        "formic acid poisons the optic nerve",
        shown_by("osmolal gap with methanol level", "osmolal gap of 60 with acidosis", source="AACT 2002")
        + typical("nausea", "drowsiness", "seizures", "dizziness", "raised lactate", "fast pulse", "heavy drinking"),
        difficulty=2,
        accepted=("haemodialysis", "folinic acid"),
        specialty=_POISON,
    ),
    Detail(
        "organophosphate poisoning",
        "red cell cholinesterase",
        ("low red cell cholinesterase",),
        "irreversible block of acetylcholine breakdown",
        shown_by("red cell cholinesterase", "plasma cholinesterase at a tenth of normal", source="WHO")
        + typical("muscle weakness", "watery diarrhoea", "breathlessness at rest", "confusion", "seizures", "nausea")
        + typical("watery eye", "blurred vision"),
        accepted=("pralidoxime", "diazepam", "midazolam"),
        specialty=_POISON,
    ),
    Detail(
        "eclampsia",
        "urine protein with clinical course",
        ("heavy proteinuria after 20 weeks",),
        "cerebral vasogenic oedema of pregnancy",
        shown_by("urine protein with clinical course", "protein 3+ after a convulsion in late pregnancy")
        + typical("seizures", "confusion", "protein in urine", "nausea", "vomiting", "light sensitivity", "drowsiness"),
        accepted=("labetalol", "hydralazine", "diazepam", "nifedipine"),
        specialty=_WOMEN,
    ),
    Detail(
        "endometriosis",
        "laparoscopy",
        ("blue-black spots at laparoscopy", "chocolate cyst of the ovary"),
        "endometrium-like tissue outside the womb",
        decisive("monthly pain on defecation that began with her first periods")
        + typical("heavy periods", "back pain", "bloating", "fatigue", "low mood", "blood in urine", "constipation"),
        accepted=(
            "norethisterone",
            "medroxyprogesterone",
            "leuprorelin",
            "elagolix",
            "levonorgestrel",
            "goserelin",
            "relugolix",
            "paracetamol",
        ),
        specialty=_WOMEN,
        equal=True,
    ),
    Detail(
        "menopausal hot flushes",
        "clinical history over a year",
        (),
        "falling oestrogen resets the thermostat",
        shown_by("clinical history over a year", "twelve months of amenorrhoea with vasomotor diary")
        + typical(
            "palpitations", "sweating", "anxiety", "headache", "joint pain", "fatigue", "low mood", "memory loss"
        ),
        accepted=(
            "fezolinetant",
            "clonidine",
            "paroxetine",
            "desvenlafaxine",
            "medroxyprogesterone",
            "progesterone",
            "escitalopram",
            "citalopram",
            "tibolone",
        ),
        specialty=_WOMEN,
    ),
    Detail(
        "benign prostatic hyperplasia",
        "flow rate with residual volume",
        ("large residual volume after voiding",),
        "stromal growth squeezes the prostatic urethra",
        shown_by("flow rate with residual volume", "peak flow of 8 mL a second")
        + typical("poor sleep", "blood in urine", "erectile dysfunction", "pelvic pain"),
        accepted=("dutasteride", "alfuzosin", "doxazosin", "terazosin", "tadalafil", "silodosin", "prazosin"),
        specialty=_TRACT,
    ),
    Detail(
        "overactive bladder",
        "bladder diary with urodynamics",
        ("detrusor overactivity",),
        "involuntary detrusor contractions",
        shown_by("bladder diary with urodynamics", "fourteen small voids a day on a diary")
        + typical("low mood", "anxiety", "daytime sleepiness", "normal examination", "obesity", "constipation"),
        accepted=(
            "solifenacin",
            "tolterodine",
            "botulinum toxin",
            "trospium",
            "vibegron",
            "fesoterodine",
            "darifenacin",
        ),
        specialty=_TRACT,
        equal=True,
    ),
)
