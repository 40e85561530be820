"""Infections beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "herpes zoster",
        "infection",
        decisive("blisters in one band that stop at the midline", "burning skin two days before grouped vesicles")
        + shown_by("PCR of blister fluid", "varicella-zoster DNA in a vesicle", source="CDC")
        + shown_by("PCR of blister fluid", "multinucleated cells with varicella antigen")
        + typical("rash", "headache", "mild fever", "fatigue", "back pain", "facial pain", "poor sleep")
        + typical("itching", "muscle aches"),
        "valaciclovir",
        "CDC",
        also_accepted=("aciclovir", "famciclovir"),
        ages=(50, 80),
        test="PCR of blister fluid",
        mechanism="latent virus reawakens in a sensory ganglion",
        difficulty=1,
    ),
    Condition(
        "herpes simplex encephalitis",
        "infection",
        decisive(
            "fever with bizarre behaviour and smells that are not there", "sudden loss of words with fever and fits"
        )
        + shown_by("CSF PCR with MRI", "herpes simplex DNA in CSF", source="IDSA 2008")
        + shown_by("CSF PCR with MRI", "swollen bleeding temporal lobe")
        + typical("fever", "headache", "confusion", "seizures", "drowsiness", "vomiting", "slurred speech")
        + typical("neck stiffness", "memory loss"),
        "aciclovir",
        "IDSA 2008",
        ages=(20, 75),
        test="CSF PCR with MRI",
        also_tests=("lumbar puncture", "MRI of the brain"),
        mechanism="herpesvirus destroys the temporal lobes",
    ),
    Condition(
        "cerebral toxoplasmosis",
        "infection",
        decisive(
            "cat litter exposure with a CD4 count of 40 and fits",
            "untreated HIV with a weak arm that improves on sulfadiazine",
        )
        + shown_by("MRI of the brain with Toxoplasma IgG", "several ring-enhancing lesions of the basal ganglia")
        + shown_by("MRI of the brain with Toxoplasma IgG", "Toxoplasma IgG with mass lesions")
        + typical("headache", "seizures", "confusion", "fever", "muscle weakness", "slurred speech", "weight loss")
        + typical("drowsiness", "unsteady walking"),
        "pyrimethamine",
        "NIH opportunistic infections guideline",
        also_accepted=("co-trimoxazole", "atovaquone"),
        aim="together with sulfadiazine",
        ages=(25, 60),
        test="MRI of the brain with Toxoplasma IgG",
        mechanism="protozoan cysts reactivate in the brain",
    ),
    Condition(
        "cryptococcal meningitis",
        "infection",
        decisive("weeks of headache in a pigeon keeper with HIV", "umbilicated papules with slow meningitis")
        + shown_by("CSF cryptococcal antigen", "cryptococcal antigen in CSF", source="WHO 2022")
        + shown_by("CSF cryptococcal antigen", "encapsulated yeasts in India ink")
        + typical("headache", "fever", "confusion", "drowsiness", "vomiting", "double vision", "weight loss")
        + typical("neck stiffness", "light sensitivity", "night sweats"),
        "amphotericin B",
        "WHO 2022",
        also_accepted=("fluconazole",),
        aim="as induction with flucytosine",
        ages=(25, 60),
        test="CSF cryptococcal antigen",
        also_tests=("lumbar puncture",),
        mechanism="encapsulated yeast spreads to the meninges",
    ),
    Condition(
        "giardiasis",
        "infection",
        decisive("greasy floating stools after drinking from a stream", "sulphurous burps after a camping trip")
        + shown_by("stool antigen test", "Giardia antigen in stool", source="CDC")
        + shown_by("stool antigen test", "pear-shaped flagellates in stool")
        + typical("watery diarrhoea", "bloating", "abdominal pain", "weight loss", "nausea", "fatigue", "belching")
        + typical("loss of appetite", "recent travel"),
        "tinidazole",
        "IDSA 2017",
        (Alternative("pregnancy", "paromomycin", GENERAL),),
        also_accepted=("metronidazole", "nitazoxanide", "albendazole"),
        ages=(18, 60),
        test="stool antigen test",
        mechanism="flagellates coat the small bowel mucosa",
        difficulty=1,
    ),
    Condition(
        "amoebic liver abscess",
        "infection",
        decisive("tender liver months after dysentery in India", "right shoulder pain with a fist-sized painful liver")
        + shown_by("Entamoeba serology with ultrasound", "anchovy-paste aspirate")
        + shown_by("Entamoeba serology with ultrasound", "antibodies to Entamoeba with one liver cavity")
        + typical("fever", "upper abdominal pain", "recent travel", "night sweats", "weight loss", "raised white cells")
        + typical("pleuritic chest pain", "chills", "loss of appetite"),
        "metronidazole",
        "CDC",
        also_accepted=("tinidazole", "paromomycin"),
        sex="male",
        ages=(20, 60),
        test="Entamoeba serology with ultrasound",
        also_tests=("abdominal ultrasound",),
        mechanism="trophozoites liquefy liver tissue",
    ),
    Condition(
        "urogenital schistosomiasis",
        "infection",
        decisive("red end of the stream after swimming in Lake Malawi", "itchy ankles after wading, then bloody urine")
        + shown_by("urine microscopy for ova", "eggs with a terminal spine", source="WHO")
        + shown_by("urine microscopy for ova", "calcified bladder wall with ova")
        + typical("blood in urine", "burning on urination", "frequent urination", "recent travel", "raised eosinophils")
        + typical("fatigue", "pelvic pain", "low haemoglobin", "abdominal pain"),
        "praziquantel",
        "WHO",
        ages=(18, 50),
        test="urine microscopy for ova",
        mechanism="fluke eggs inflame the bladder wall",
    ),
    Condition(
        "Legionnaires' disease",
        "infection",
        decisive(
            "pneumonia with loose stools after a whirlpool spa", "cough and confusion among guests of one cooled hotel"
        )
        + shown_by("Legionella urinary antigen", "Legionella antigen in urine", source="ATS/IDSA 2019")
        + shown_by("Legionella urinary antigen", "growth on buffered charcoal yeast extract")
        + typical("fever", "dry cough", "confusion", "watery diarrhoea", "low sodium", "breathlessness at rest")
        + typical("muscle aches", "headache", "smoking", "raised CRP", "recent travel"),
        "levofloxacin",
        "ATS/IDSA 2019",
        (Alternative("long QT interval", "doxycycline", GENERAL),),
        also_accepted=("azithromycin", "moxifloxacin", "clarithromycin", "ciprofloxacin", "erythromycin"),
        ages=(45, 80),
        test="Legionella urinary antigen",
        mechanism="water-borne bacteria grow in alveolar macrophages",
    ),
    Condition(
        "COVID-19",
        "infection",
        decisive("sudden loss of smell with fever", "cough after a wedding where many tested positive")
        + shown_by("SARS-CoV-2 PCR", "SARS-CoV-2 RNA in the nose", source="WHO")
        + shown_by("SARS-CoV-2 PCR", "positive coronavirus antigen strip")
        + typical("fever", "dry cough", "fatigue", "muscle aches", "sore throat", "headache", "runny nose")
        + typical("watery diarrhoea", "breathlessness on exertion", "loss of appetite"),
        "nirmatrelvir-ritonavir",
        "WHO",
        also_accepted=("molnupiravir", "remdesivir", "dexamethasone"),
        aim="for an outpatient at high risk",
        ages=(50, 80),
        test="SARS-CoV-2 PCR",
        mechanism="coronavirus enters through ACE2",
        difficulty=1,
    ),
    Condition(
        "invasive pulmonary aspergillosis",
        "infection",
        decisive(
            "fever despite antibiotics in the third week of neutropenia",
            "bloody sputum while neutrophils recover after a stem cell transplant",
        )
        + shown_by("serum galactomannan with CT", "galactomannan above the cut-off", source="IDSA 2016")
        + shown_by("serum galactomannan with CT", "nodule with a halo of ground glass")
        + typical("fever", "haemoptysis", "pleuritic chest pain", "dry cough", "breathlessness at rest", "low oxygen")
        + typical("recent hospital stay", "fatigue", "pale skin"),
        "voriconazole",
        "IDSA 2016",
        (Alternative("long QT interval", "amphotericin B", GENERAL),),
        also_accepted=(
            "amphotericin B",
            "posaconazole",
            "caspofungin",
        ),
        ages=(20, 75),
        test="serum galactomannan with CT",
        mechanism="mould hyphae invade lung vessels",
        difficulty=3,
    ),
    Condition(
        "visceral leishmaniasis",
        "infection",
        decisive(
            "greying skin with a spleen down to the pelvis after Bihar",
            "sandfly bites in Sudan months before a huge spleen",
        )
        + shown_by("bone marrow smear", "amastigotes in macrophages", source="WHO")
        + shown_by("bone marrow smear", "positive rK39 strip with marrow parasites")
        + typical(
            "fever", "enlarged spleen", "weight loss", "fatigue", "low haemoglobin", "low platelets", "night sweats"
        )
        + typical("recent travel", "pale skin", "loss of appetite"),
        "amphotericin B",
        "WHO",
        also_accepted=(
            "miltefosine",
            "paromomycin",
        ),
        ages=(18, 55),
        test="bone marrow smear",
        mechanism="protozoa multiply in macrophages of the spleen",
        difficulty=3,
    ),
    Condition(
        "acute pyelonephritis",
        "infection",
        decisive(
            "rigors with a tender loin and cloudy urine", "one-sided flank pain on percussion after days of cystitis"
        )
        + shown_by("urine culture", "white cell casts in urine", source="IDSA 2025")
        + shown_by("urine culture", "Escherichia coli in urine and blood")
        + typical("fever", "vomiting", "burning on urination", "frequent urination", "back pain", "raised white cells")
        + typical("raised CRP", "chills", "fast pulse", "nausea"),
        "ceftriaxone",
        "IDSA 2025",
        (Alternative("cephalosporin anaphylaxis", "ciprofloxacin", GENERAL, equal=True),),
        also_accepted=(
            "levofloxacin",
            "co-trimoxazole",
            "gentamicin",
            "piperacillin-tazobactam",
            "amoxicillin",
            "cefotaxime",
        ),
        sex="female",
        ages=(18, 70),
        test="urine culture",
        mechanism="bacteria ascend into the renal pelvis",
        difficulty=1,
    ),
    Condition(
        "brucellosis",
        "infection",
        decisive("fever that comes in waves after raw goat milk", "sweats that smell of wet hay in a shepherd")
        + shown_by("Brucella serology with culture", "Brucella agglutination at 1:640", source="WHO")
        + shown_by("Brucella serology with culture", "slow-growing coccobacilli in blood culture")
        + typical("fever", "night sweats", "back pain", "joint pain", "fatigue", "enlarged spleen", "loss of appetite")
        + typical("weight loss", "low mood", "muscle aches"),
        "doxycycline",
        "WHO",
        also_accepted=(
            "gentamicin",
            "rifampicin",
            "streptomycin",
            "co-trimoxazole",
            "ciprofloxacin",
        ),
        aim="together with rifampicin",
        ages=(18, 65),
        test="Brucella serology with culture",
        mechanism="zoonotic coccobacilli survive in macrophages",
    ),
    Condition(
        "foodborne botulism",
        "infection",
        decisive("descending weakness after home-canned beans", "family with fixed wide pupils after one meal")
        + shown_by("toxin assay of serum and stool", "botulinum toxin in serum", source="CDC 2021")
        + shown_by("toxin assay of serum and stool", "Clostridium botulinum in leftover food and stool")
        + typical(
            "double vision", "trouble swallowing", "slurred speech", "muscle weakness", "dry mouth", "constipation"
        )
        + typical("breathlessness at rest", "vomiting", "nausea"),
        "botulinum antitoxin",
        "CDC 2021",
        ages=(20, 70),
        test="toxin assay of serum and stool",
        mechanism="toxin cleaves SNARE proteins of motor nerves",
    ),
    Condition(
        "infectious mononucleosis",
        "infection",
        decisive(
            "rash all over after ampicillin for a sore throat", "swollen upper eyelids with huge tonsils in a student"
        )
        + shown_by("heterophile antibody test", "positive heterophile antibodies", source="CDC")
        + shown_by("heterophile antibody test", "atypical lymphocytes with viral capsid IgM")
        + typical("sore throat", "fever", "fatigue", "tender neck glands", "enlarged spleen", "headache")
        + typical("raised transaminases", "night sweats", "trouble swallowing", "muscle aches", "loss of appetite"),
        "paracetamol",
        "CDC",
        also_accepted=(
            "ibuprofen",
            "naproxen",
            "prednisone",
            "dexamethasone",
        ),
        aim="for symptoms",
        ages=(18, 28),
        test="heterophile antibody test",
        mechanism="B cells infected by Epstein-Barr virus",
        difficulty=1,
    ),
    Condition(
        "cellulitis of the leg",
        "infection",
        decisive("spreading warm redness above a toe-web crack", "hot red shin with a streak to the groin")
        + shown_by("clinical examination with marked margin", "red margin that crosses the pen line in hours")
        + shown_by("clinical examination with marked margin", "orange-peel skin with tender edge")
        + typical("fever", "swollen leg", "leg pain", "raised white cells", "raised CRP", "obesity", "chills")
        + typical("ankle swelling", "diabetes for years"),
        "flucloxacillin",
        "NICE NG141",
        (Alternative("penicillin anaphylaxis", "doxycycline", "NICE NG141"),),
        also_accepted=("amoxicillin", "cefalexin", "clindamycin", "clarithromycin", "penicillin V", "cefazolin")
        + ("erythromycin", "azithromycin", "ceftriaxone", "co-trimoxazole", "benzathine penicillin", "vancomycin"),
        ages=(30, 80),
        test="clinical examination with marked margin",
        mechanism="streptococci spread through the deep dermis",
        difficulty=1,
    ),
)
