"""Drugs for pain, opioid dependence and anaesthesia."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no

_SEVERE_PAIN = "severe pain"
_DEPENDENCE = "opioid use disorder"
_ANAESTHESIA = "induction of anaesthesia"

FAMILIES = (
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
            agent(
                "codeine",
                also=("mild to moderate pain",),
                no=no("age under eight", "breastfeeding") + no("kidney failure"),
            ),
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
