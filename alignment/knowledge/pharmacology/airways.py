"""Drugs for the airways, allergy and the circulation in shock."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_RHINITIS = "allergic rhinitis"

FAMILIES = (
    Family(
        "steroid and LABA inhaler",
        "",
        (
            agent("budesonide-formoterol", "asthma", "COPD", source=GENERAL),
            agent("fluticasone-salmeterol", "asthma", "COPD", source=GENERAL),
        ),
        no("acute asthma attack"),
        can("oral candidiasis", "hoarse voice", "tremor"),
    ),
    Family(
        "short-acting beta agonist",
        "stimulates airway beta-2 receptors within minutes",
        (
            agent(
                "salbutamol",
                also=(
                    "asthma",
                    "high potassium",
                ),
            ),
            agent("terbutaline", "asthma", also=("preterm labour",)),
        ),
        effects=can("tremor", "palpitations", "low potassium", "lactic acidosis"),
    ),
    Family(
        "long-acting beta agonist",
        "",
        (
            agent("indacaterol", also=("COPD",)),
            agent("salmeterol", "asthma", also=("COPD",)),
            agent("formoterol", "asthma", also=("COPD",)),
        ),
        no("acute asthma attack"),
        can("tremor", "palpitations", "low potassium"),
    ),
    Family(
        "long-acting muscarinic antagonist",
        "",
        (
            agent("tiotropium", "asthma", also=("COPD",)),
            agent("aclidinium", "COPD"),
            agent("umeclidinium", "COPD", source=GENERAL),
        ),
        no("urinary retention", "narrow-angle glaucoma"),
        can("dry mouth", "urinary retention", "constipation"),
    ),
    Family(
        "short-acting muscarinic antagonist",
        "blocks airway muscarinic receptors for hours",
        (agent("ipratropium", "COPD", also=("asthma",)),),
        effects=can("dry mouth", "acute angle closure"),
    ),
    Family(
        "leukotriene antagonist",
        "blocks cysteinyl leukotriene receptors",
        (
            agent("montelukast", "asthma", also=(_RHINITIS,), effects=can("suicidal thoughts", source=LABEL)),
            agent("zafirlukast", "asthma", no=no("severe liver failure", source=LABEL), effects=can("hepatitis")),
        ),
        effects=can("nightmares", "headache"),
    ),
    Family(
        "methylxanthine",
        "blocks adenosine receptors and phosphodiesterases",
        (
            agent("theophylline", "asthma", also=("COPD",), effects=can("ventricular tachycardia", "nausea")),
            agent("caffeine", also=("apnoea of prematurity",), effects=can("palpitations")),
        ),
        effects=can("seizures", "insomnia", "tremor"),
    ),
    Family(
        "phosphodiesterase 4 inhibitor",
        "inhibits phosphodiesterase 4",
        (
            agent("roflumilast", also=("COPD",), no=no("severe liver failure", source=LABEL), effects=can("insomnia")),
            agent("apremilast", "plaque psoriasis", "psoriatic arthritis", source=GENERAL),
        ),
        effects=can("weight loss", "diarrhoea", "depressed mood"),
    ),
    Family(
        "anti-IgE antibody",
        "binds free IgE",
        (agent("omalizumab", "asthma", "chronic spontaneous urticaria", source=GENERAL),),
        effects=can("anaphylaxis", source=LABEL),
    ),
    Family(
        "mast cell stabiliser",
        "prevents mast cell degranulation",
        (
            agent(
                "cromoglicic acid", "asthma", also=("allergic conjunctivitis",), effects=can("cough", "local burning")
            ),
        ),
    ),
    Family(
        "antifibrotic",
        "blocks fibroblast growth signals",
        (
            agent(
                "nintedanib",
                "idiopathic pulmonary fibrosis",
                source=GENERAL,
                effects=can("diarrhoea", "bleeding"),
                no=no("pregnancy"),
            ),
            agent("pirfenidone", "idiopathic pulmonary fibrosis", source=GENERAL, effects=can("photosensitivity")),
        ),
        effects=can("hepatitis", "nausea"),
    ),
    Family(
        "sedating antihistamine",
        "blocks central and peripheral H1 receptors",
        (
            agent(
                "diphenhydramine",
                also=(
                    "urticaria",
                    "motion sickness",
                ),
                effects=can("wide QRS in overdose"),
            ),
            agent(
                "promethazine",
                also=(
                    "nausea",
                    "motion sickness",
                ),
                no=no("respiratory depression"),
            ),
            agent(
                "hydroxyzine",
                also=(
                    "itching",
                    "anxiety",
                ),
                no=no("long QT interval", "pregnancy", source=LABEL),
            ),
        ),
        no("narrow-angle glaucoma", "urinary retention"),
        can("drowsiness", "dry mouth", "confusion", "urinary retention"),
    ),
    Family(
        "second-generation antihistamine",
        "blocks H1 receptors outside the brain",
        (
            agent(
                "cetirizine",
                also=(
                    _RHINITIS,
                    "urticaria",
                ),
                effects=can("drowsiness"),
            ),
            agent(
                "loratadine",
                also=(
                    _RHINITIS,
                    "urticaria",
                ),
            ),
            agent(
                "fexofenadine",
                also=(
                    _RHINITIS,
                    "urticaria",
                ),
            ),
        ),
        effects=can("headache"),
    ),
    Family(
        "sympathomimetic",
        "stimulates alpha and beta receptors",
        (
            agent(
                "adrenaline",
                also=(
                    "anaphylaxis",
                    "cardiac arrest",
                    "croup",
                ),
                effects=can("ventricular tachycardia"),
            ),
            agent("noradrenaline", also=("septic shock",), effects=can("digital ischaemia")),
            agent("dobutamine", also=("cardiogenic shock",), effects=can("ventricular tachycardia")),
            agent("dopamine", also=("cardiogenic shock",), no=no("untreated phaeochromocytoma", source=LABEL)),
        ),
        effects=can("fast pulse", "hypertension", "tremor"),
    ),
    Family(
        "alpha-1 agonist",
        "constricts vessels through alpha-1 receptors",
        (
            agent(
                "phenylephrine",
                also=(
                    "hypotension in anaesthesia",
                    "nasal congestion",
                ),
            ),
            agent(
                "midodrine",
                also=("orthostatic hypotension",),
                no=no("urinary retention", "untreated phaeochromocytoma"),
            ),
        ),
        no("uncontrolled hypertension"),
        can("hypertension", "slow pulse", "urinary retention"),
    ),
)
