"""Drugs for stomach, bowel, liver and weight."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_GORD = "gastro-oesophageal reflux disease"
_ULCER = "peptic ulcer disease"
_UC = "ulcerative colitis"
_CHEMO = "vomiting on chemotherapy"

FAMILIES = (
    Family(
        "proton pump inhibitor",
        "",
        (
            agent(
                "omeprazole",
                also=(
                    _GORD,
                    _ULCER,
                    "Helicobacter pylori infection",
                ),
            ),
            agent(
                "lansoprazole",
                also=(
                    _GORD,
                    _ULCER,
                ),
            ),
            agent(
                "pantoprazole",
                also=(
                    _GORD,
                    "gastrinoma",
                ),
            ),
            agent(
                "esomeprazole",
                also=(
                    _GORD,
                    _ULCER,
                ),
            ),
        ),
        no("proton pump inhibitor allergy", source=LABEL),
        can("low magnesium", "Clostridioides difficile infection", "interstitial nephritis", "fractures")
        + can("vitamin B12 deficiency"),
    ),
    Family(
        "H2 antagonist",
        "",
        (
            agent(
                "famotidine",
                also=(
                    _GORD,
                    _ULCER,
                ),
            ),
            agent("cimetidine", also=(_ULCER,), known_for=("gynaecomastia",)),
        ),
        effects=can("headache", "confusion"),
    ),
    Family(
        "prostaglandin E1 analogue",
        "stimulates prostaglandin E receptors",
        (
            agent(
                "misoprostol",
                also=(
                    "NSAID ulcer prevention",
                    "medical abortion",
                    "postpartum haemorrhage from uterine atony",
                ),
            ),
        ),
        no("pregnancy", source=LABEL),
        can("diarrhoea", "abdominal cramps", source=LABEL),
    ),
    Family(
        "mucosal protectant",
        "coats the ulcer base",
        (agent("sucralfate", also=(_ULCER,), effects=can("constipation", "aluminium accumulation")),),
    ),
    Family(
        "dopamine antagonist antiemetic",
        "blocks D2 receptors of the chemoreceptor trigger zone",
        (
            agent(
                "metoclopramide",
                also=(
                    "gastroparesis",
                    _CHEMO,
                ),
                no=no("epilepsy", "untreated phaeochromocytoma", "bowel obstruction", source=LABEL),
                effects=can("tardive dyskinesia", source=LABEL)
                + can("drowsiness")
                + can("neuroleptic malignant syndrome"),
                known_for=("acute dystonia",),
            ),
            agent("domperidone", also=("gastroparesis",), no=no("long QT interval"), effects=can("long QT interval")),
        ),
        no("Parkinson disease"),
        can("raised prolactin"),
    ),
    Family(
        "5-HT3 antagonist",
        "blocks 5-HT3 receptors",
        (
            agent(
                "ondansetron",
                also=(
                    _CHEMO,
                    "postoperative vomiting",
                ),
            ),
            agent("granisetron", also=(_CHEMO,)),
        ),
        no("long QT interval"),
        can("constipation", "headache", "long QT interval"),
    ),
    Family(
        "neurokinin-1 antagonist",
        "blocks substance P receptors",
        (agent("aprepitant", also=(_CHEMO,), effects=can("fatigue", "hiccups")),),
    ),
    Family(
        "opioid antidiarrhoeal",
        "stimulates mu-opioid receptors of the gut only",
        (agent("loperamide", also=("acute non-bloody diarrhoea",), effects=can("constipation", "long QT interval")),),
        no("bloody diarrhoea with fever", source=LABEL),
    ),
    Family(
        "osmotic laxative",
        "",
        (
            agent(
                "lactulose",
                also=(
                    "hepatic encephalopathy",
                    "constipation",
                ),
            ),
            agent("macrogol", "constipation", source=GENERAL, no=no("bowel obstruction", source=LABEL)),
        ),
        effects=can("bloating", "diarrhoea"),
    ),
    Family(
        "stimulant laxative",
        "stimulates colonic nerves",
        (
            agent(
                "bisacodyl",
                also=(
                    "constipation",
                    "bowel preparation",
                ),
                effects=can("abdominal cramps"),
            ),
        ),
        no("bowel obstruction"),
    ),
    Family(
        "guanylate cyclase-C agonist",
        "raises cyclic GMP in gut epithelium",
        (agent("linaclotide", also=("irritable bowel syndrome with constipation",), effects=can("diarrhoea")),),
        no("bowel obstruction", source=LABEL),
    ),
    Family(
        "aminosalicylate",
        "",
        (
            agent("mesalazine", _UC, effects=can("pancreatitis")),
            agent(
                "sulfasalazine",
                _UC,
                "rheumatoid arthritis",
                effects=can("agranulocytosis", "haemolysis") + can("Stevens-Johnson syndrome"),
                known_for=("reversible low sperm count",),
                no=no("G6PD deficiency"),
            ),
        ),
        effects=can("headache", "interstitial nephritis"),
    ),
    Family(
        "bile acid",
        "",
        (agent("ursodeoxycholic acid", "primary biliary cholangitis", also=("cholesterol gallstones",)),),
        effects=can("diarrhoea"),
    ),
    Family(
        "copper chelator",
        "",
        (
            agent(
                "penicillamine",
                "rheumatoid arthritis",
                also=(
                    "Wilson disease",
                    "cystinuria",
                ),
                effects=can("membranous nephropathy", "drug-induced myasthenia", "loss of taste"),
                no=no("myasthenia gravis"),
            ),
            agent("trientine", "Wilson disease", source=GENERAL, effects=can("iron deficiency")),
        ),
    ),
    Family(
        "pancreatic lipase inhibitor",
        "inhibits gastric and pancreatic lipase",
        (agent("orlistat", "obesity", effects=can("vitamin deficiency")),),
        no("chronic malabsorption", "pregnancy", source=LABEL),
        known_for=("oily leakage from the bowel",),
    ),
    Family(
        "sympathomimetic anorectic",
        "releases hypothalamic noradrenaline",
        (agent("phentermine", "obesity", effects=can("hypertension", "palpitations", "insomnia")),),
        no("coronary artery disease", "narrow-angle glaucoma", "pregnancy", source=LABEL),
    ),
    Family(
        "phosphate binder",
        "binds phosphate in the gut",
        (agent("sevelamer", also=("hyperphosphataemia of kidney failure",), effects=can("bloating", "constipation")),),
        no("bowel obstruction", source=LABEL),
    ),
)
