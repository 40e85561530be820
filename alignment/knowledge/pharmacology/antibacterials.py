"""Drugs against bacteria, without those kept for mycobacteria."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_CAP = "community-acquired pneumonia"
_CYSTITIS = "acute cystitis"
_TB = "pulmonary tuberculosis"
_C_DIFF = "Clostridioides difficile infection"

FAMILIES = (
    Family(
        "penicillin",
        "",
        (
            agent(
                "amoxicillin",
                also=(
                    _CAP,
                    "acute otitis media",
                    "streptococcal pharyngitis",
                    "Helicobacter pylori infection",
                ),
            ),
            agent("penicillin V", also=("streptococcal pharyngitis",)),
            agent("benzathine penicillin", "early syphilis", "rheumatic fever", source=GENERAL),
            agent(
                "benzylpenicillin",
                also=(
                    "neurosyphilis",
                    "meningococcal disease",
                ),
            ),
            agent(
                "ampicillin",
                also=(
                    "listeriosis",
                    "bacterial meningitis",
                ),
            ),
            agent(
                "flucloxacillin",
                also=(
                    "cellulitis",
                    "Staphylococcus aureus infection",
                ),
                effects=can("cholestatic jaundice"),
            ),
            agent(
                "dicloxacillin",
                also=(
                    "cellulitis",
                    "Staphylococcus aureus infection",
                ),
            ),
        ),
        no("penicillin anaphylaxis", source=LABEL),
        can("rash", "diarrhoea", "anaphylaxis", "interstitial nephritis")
        + can("Clostridioides difficile infection", "haemolysis"),
    ),
    Family(
        "penicillin with beta-lactamase inhibitor",
        "blocks cell wall synthesis and bacterial beta-lactamase together",
        (
            agent(
                "amoxicillin-clavulanate",
                "acute sinusitis",
                "animal bite wound",
                source=GENERAL,
                known_for=("cholestatic jaundice",),
            ),
            agent("piperacillin-tazobactam", "hospital-acquired pneumonia", "febrile neutropenia", source=GENERAL),
        ),
        no("penicillin anaphylaxis", source=LABEL),
        can("diarrhoea", "rash", "anaphylaxis") + can("Clostridioides difficile infection"),
    ),
    Family(
        "cephalosporin",
        "",
        (
            agent(
                "ceftriaxone",
                also=(
                    "bacterial meningitis",
                    "gonorrhoea",
                    _CAP,
                ),
                effects=can("biliary sludge") + can("haemolysis"),
            ),
            agent(
                "cefalexin",
                also=(
                    "cellulitis",
                    _CYSTITIS,
                ),
            ),
            agent(
                "cefazolin",
                also=(
                    "surgical prophylaxis",
                    "Staphylococcus aureus infection",
                ),
            ),
            agent("cefuroxime", also=(_CAP,)),
            agent(
                "cefotaxime",
                also=(
                    "bacterial meningitis",
                    "spontaneous bacterial peritonitis",
                ),
            ),
            agent("ceftazidime", also=("Pseudomonas infection",)),
            agent(
                "cefepime",
                also=(
                    "febrile neutropenia",
                    "Pseudomonas infection",
                ),
                effects=can("encephalopathy"),
            ),
            agent("cefixime", also=("gonorrhoea",)),
        ),
        no("cephalosporin anaphylaxis", source=LABEL),
        can("rash", "diarrhoea", _C_DIFF, "anaphylaxis"),
    ),
    Family(
        "carbapenem",
        "blocks the cell wall despite most beta-lactamases",
        (
            agent(
                "meropenem",
                also=(
                    "hospital-acquired pneumonia",
                    "bacterial meningitis",
                ),
            ),
            agent("imipenem-cilastatin", "complicated intra-abdominal infection", source=GENERAL),
            agent("ertapenem", also=("complicated intra-abdominal infection",)),
        ),
        no("carbapenem anaphylaxis", source=LABEL),
        can("seizures", "diarrhoea", _C_DIFF),
    ),
    Family(
        "monobactam",
        "binds penicillin-binding protein 3 of Gram-negative bacteria",
        (agent("aztreonam", also=("Pseudomonas infection",), effects=can("rash", "raised aminotransferases")),),
    ),
    Family(
        "aminoglycoside",
        "makes the bacterial 30S ribosome misread",
        (
            agent(
                "gentamicin",
                also=(
                    "complicated urinary tract infection",
                    "infective endocarditis",
                ),
            ),
            agent("tobramycin", also=("Pseudomonas infection",)),
            agent("amikacin", also=("hospital-acquired pneumonia",)),
            agent(
                "streptomycin",
                also=(
                    _TB,
                    "plague",
                ),
            ),
        ),
        no("myasthenia gravis", "pregnancy"),
        can("acute kidney injury", "neuromuscular block", source=LABEL),
        ("hearing loss", "vestibular loss"),
    ),
    Family(
        "aminoglycoside with macrolide",
        "",
        (agent("gentamicin with azithromycin", "gonorrhoea", source=GENERAL, effects=can("nausea", "hearing loss")),),
    ),
    Family(
        "macrolide",
        "",
        (
            agent(
                "azithromycin",
                also=(
                    _CAP,
                    "pertussis",
                    "genital chlamydia",
                    "atypical pneumonia",
                ),
            ),
            agent(
                "clarithromycin",
                also=(
                    _CAP,
                    "Helicobacter pylori infection",
                ),
            ),
            agent(
                "erythromycin",
                also=(
                    "pertussis",
                    "gastroparesis",
                ),
                effects=can("infantile pyloric stenosis"),
            ),
        ),
        no("macrolide allergy", source=LABEL) + no("long QT interval") + no("myasthenia gravis"),
        can("long QT interval", "abdominal cramps", "diarrhoea", "cholestatic jaundice"),
    ),
    Family(
        "tetracycline",
        "",
        (
            agent(
                "doxycycline",
                also=(
                    "Lyme disease",
                    "genital chlamydia",
                    "rickettsial infection",
                    _CAP,
                ),
            ),
            agent(
                "minocycline",
                also=("acne vulgaris",),
                effects=can("blue-grey skin", "drug-induced lupus", "vertigo") + can("eosinophilic pneumonia"),
            ),
            agent(
                "tetracycline",
                also=(
                    "Helicobacter pylori infection",
                    "acne vulgaris",
                ),
            ),
        ),
        no("age under eight", "pregnancy"),
        can("photosensitivity", "oesophageal ulcer", "intracranial hypertension"),
        ("staining of growing teeth",),
    ),
    Family(
        "lincosamide",
        "",
        (
            agent(
                "clindamycin",
                also=(
                    "cellulitis",
                    "aspiration pneumonia",
                    "toxic shock syndrome",
                ),
            ),
        ),
        effects=can("rash", "diarrhoea"),
        known_for=(_C_DIFF,),
    ),
    Family(
        "amphenicol",
        "",
        (
            agent(
                "chloramphenicol",
                also=(
                    "bacterial meningitis",
                    "bacterial conjunctivitis",
                ),
                no=no("bone marrow failure"),
            ),
        ),
        effects=can("optic neuritis"),
        known_for=("aplastic anaemia", "grey baby syndrome"),
    ),
    Family(
        "oxazolidinone",
        "blocks assembly of the bacterial 70S ribosome",
        (
            agent(
                "linezolid",
                also=(
                    "MRSA pneumonia",
                    "vancomycin-resistant enterococcal infection",
                ),
                effects=can("hypertensive crisis after mature cheese"),
            ),
        ),
        effects=can("peripheral neuropathy", "optic neuritis", "lactic acidosis", "serotonin syndrome")
        + can("thrombocytopenia", source=LABEL),
    ),
    Family(
        "fluoroquinolone",
        "inhibits bacterial DNA gyrase",
        (
            agent(
                "ciprofloxacin",
                also=(
                    "acute pyelonephritis",
                    "Pseudomonas infection",
                    "anthrax",
                ),
            ),
            agent(
                "levofloxacin",
                also=(
                    _CAP,
                    "acute pyelonephritis",
                ),
            ),
            agent("moxifloxacin", also=(_CAP,)),
        ),
        no("quinolone tendon rupture", "myasthenia gravis", source=LABEL) + no("long QT interval") + no("pregnancy"),
        can("peripheral neuropathy", "aortic dissection", "low blood glucose", source=LABEL)
        + can("long QT interval", "photosensitivity", _C_DIFF),
        ("tendon rupture",),
    ),
    Family(
        "glycopeptide",
        "",
        (
            agent(
                "vancomycin",
                also=(
                    "MRSA bacteraemia",
                    "infective endocarditis",
                ),
                effects=can("acute kidney injury", "hearing loss"),
                known_for=("infusion flushing of the upper body",),
            ),
            agent("oral vancomycin", _C_DIFF, source=GENERAL, effects=can("nausea", "altered taste")),
        ),
    ),
    Family(
        "cyclic lipopeptide",
        "depolarises Gram-positive membranes",
        (
            agent(
                "daptomycin",
                "MRSA bacteraemia",
                "infective endocarditis",
                source=GENERAL,
                effects=can("rhabdomyolysis"),
            ),
        ),
        effects=can("raised creatine kinase", source=LABEL),
        known_for=("eosinophilic pneumonia",),
    ),
    Family(
        "polymyxin",
        "disrupts the Gram-negative outer membrane",
        (agent("colistin", also=("multidrug-resistant Gram-negative infection",)),),
        no("myasthenia gravis"),
        can("acute kidney injury", "neuromuscular block", "paraesthesia"),
    ),
    Family(
        "nitroimidazole",
        "breaks microbial DNA after anaerobic reduction",
        (
            agent(
                "metronidazole",
                also=(
                    "bacterial vaginosis",
                    "trichomoniasis",
                    "amoebiasis",
                    "giardiasis",
                ),
            ),
            agent(
                "tinidazole",
                also=(
                    "trichomoniasis",
                    "giardiasis",
                ),
            ),
        ),
        effects=can("metallic taste", "peripheral neuropathy"),
        known_for=("flushing and vomiting with alcohol",),
    ),
    Family(
        "sulfonamide combination",
        "",
        (
            agent(
                "co-trimoxazole",
                "Pneumocystis pneumonia",
                _CYSTITIS,
                "toxoplasmosis prevention",
                source=GENERAL,
                no=no("pregnancy"),
            ),
        ),
        no("G6PD deficiency"),
        can("high potassium", "bone marrow suppression", "crystal nephropathy") + can("haemolysis"),
        ("Stevens-Johnson syndrome",),
    ),
    Family(
        "antibacterial antifolate",
        "inhibits bacterial dihydrofolate reductase",
        (agent("trimethoprim", also=(_CYSTITIS,), effects=can("high potassium", "megaloblastic anaemia")),),
        no("pregnancy"),
    ),
    Family(
        "silver sulfonamide",
        "releases silver ions onto the wound",
        (agent("silver sulfadiazine", also=("burn wound infection",), effects=can("leucopenia")),),
        no("sulfonamide allergy", source=LABEL),
    ),
    Family(
        "urinary nitrofuran",
        "",
        (agent("nitrofurantoin", also=(_CYSTITIS,)),),
        no("G6PD deficiency", "anuria"),
        can("peripheral neuropathy", "hepatitis", "brown urine") + can("haemolysis", "eosinophilic pneumonia"),
        ("pulmonary fibrosis",),
    ),
    Family(
        "phosphonic antibiotic", "", (agent("fosfomycin", also=(_CYSTITIS,)),), effects=can("diarrhoea", "headache")
    ),
    Family("macrocyclic antibiotic", "", (agent("fidaxomicin", also=(_C_DIFF,)),), effects=can("nausea", "vomiting")),
    Family(
        "isoleucyl-tRNA synthetase inhibitor",
        "inhibits bacterial isoleucyl-tRNA synthetase",
        (
            agent(
                "mupirocin",
                also=(
                    "impetigo",
                    "nasal carriage of Staphylococcus aureus",
                ),
                effects=can("local burning"),
            ),
        ),
    ),
)
