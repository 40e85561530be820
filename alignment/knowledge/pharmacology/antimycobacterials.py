"""Drugs against tuberculosis and leprosy, and their relatives."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no

_TB = "pulmonary tuberculosis"

FAMILIES = (
    Family(
        "antimycobacterial",
        "",
        (
            agent(
                "isoniazid",
                also=(
                    _TB,
                    "latent tuberculosis",
                ),
            ),
        ),
        effects=can("hepatitis", source=LABEL) + can("drug-induced lupus", "seizures in overdose"),
        known_for=("neuropathy prevented by pyridoxine",),
    ),
    Family(
        "rifamycin",
        "",
        (
            agent(
                "rifampicin",
                also=(
                    _TB,
                    "leprosy",
                    "meningococcal prophylaxis",
                ),
                effects=can("hepatitis", "flu-like symptoms", "thrombocytopenia"),
                known_for=("orange tears and urine",),
                no=no("severe liver failure"),
            ),
            agent(
                "rifabutin",
                also=("Mycobacterium avium infection",),
                known_for=("uveitis",),
                effects=can("orange tears and urine"),
            ),
            agent(
                "rifaximin",
                also=(
                    "hepatic encephalopathy",
                    "traveller's diarrhoea",
                ),
                effects=can("ankle swelling"),
            ),
        ),
    ),
    Family(
        "arabinosyl transferase inhibitor",
        "inhibits mycobacterial arabinosyl transferase",
        (agent("ethambutol", also=(_TB,), effects=can("raised uric acid")),),
        no("optic neuritis", source=LABEL),
        known_for=("loss of red-green vision",),
    ),
    Family(
        "pyrazine antituberculosis drug",
        "kills dormant mycobacteria in acid",
        (agent("pyrazinamide", also=(_TB,)),),
        no("gout", "severe liver failure", source=LABEL),
        can("raised uric acid", "hepatitis", "joint pain"),
    ),
    Family(
        "diarylquinoline",
        "inhibits mycobacterial ATP synthase",
        (agent("bedaquiline", also=("multidrug-resistant tuberculosis",)),),
        no("long QT interval"),
        can("long QT interval", "nausea", source=LABEL),
    ),
    Family(
        "sulfone",
        "inhibits bacterial dihydropteroate synthase",
        (
            agent(
                "dapsone",
                "leprosy",
                also=(
                    "dermatitis herpetiformis",
                    "Pneumocystis prophylaxis",
                ),
            ),
        ),
        no("G6PD deficiency"),
        can("agranulocytosis"),
        ("methaemoglobinaemia", "haemolysis"),
    ),
)
