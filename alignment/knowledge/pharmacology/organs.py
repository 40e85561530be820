"""Drugs for the bladder, reproduction, eyes and poisoning."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_GLAUCOMA = "primary open-angle glaucoma"
_OAB = "overactive bladder"
_CONTRACEPTION = "contraception"

FAMILIES = (
    Family(
        "5-alpha reductase inhibitor",
        "",
        (
            agent(
                "finasteride",
                also=(
                    "benign prostatic hyperplasia",
                    "androgenetic alopecia",
                ),
            ),
            agent("dutasteride", also=("benign prostatic hyperplasia",)),
        ),
        no("pregnancy", source=LABEL),
        can("erectile dysfunction", "low libido", "gynaecomastia"),
    ),
    Family(
        "bladder antimuscarinic",
        "",
        (agent("oxybutynin", also=(_OAB,)), agent("tolterodine", also=(_OAB,)), agent("solifenacin", also=(_OAB,))),
        no("urinary retention", "narrow-angle glaucoma", source=LABEL),
        can("dry mouth", "constipation", "confusion", "blurred vision"),
    ),
    Family(
        "beta-3 agonist",
        "",
        (
            agent(
                "mirabegron", also=(_OAB,), no=no("uncontrolled hypertension"), effects=can("hypertension", "headache")
            ),
        ),
    ),
    Family(
        "cholinergic agonist",
        "stimulates muscarinic receptors",
        (
            agent("bethanechol", also=("postoperative urinary retention",), no=no("bowel obstruction", source=LABEL)),
            agent(
                "pilocarpine",
                "acute angle-closure glaucoma",
                also=("dry mouth of Sjogren syndrome",),
                effects=can("miosis"),
            ),
        ),
        no("severe asthma", source=LABEL),
        can("sweating", "salivation", "bronchospasm"),
    ),
    Family(
        "combined hormonal contraceptive",
        "",
        (
            agent(
                "ethinylestradiol-levonorgestrel",
                _CONTRACEPTION,
                "endometriosis",
                "dysmenorrhoea",
                source=GENERAL,
                effects=can("gallstones", "cholestatic jaundice"),
                no=no("pregnancy"),
            ),
        ),
        no(
            "past venous thrombosis",
            "smoking after thirty-five",
            "past breast cancer",
            "coronary artery disease",
            source=LABEL,
        )
        + no("uncontrolled hypertension", "severe liver failure", "unexplained vaginal bleeding"),
        can("thrombosis", "hypertension", "nausea", "hepatic adenoma"),
    ),
    Family(
        "progestin",
        "",
        (
            agent("dienogest", "endometriosis", source=GENERAL),
            agent(
                "levonorgestrel",
                also=(
                    _CONTRACEPTION,
                    "emergency contraception",
                    "heavy menstrual bleeding",
                ),
                no=no("unexplained vaginal bleeding"),
            ),
            agent(
                "medroxyprogesterone",
                also=(
                    _CONTRACEPTION,
                    "endometrial hyperplasia",
                ),
                no=no("unexplained vaginal bleeding", "past breast cancer", source=LABEL) + no("pregnancy"),
                effects=can("loss of bone density", source=LABEL) + can("weight gain"),
            ),
        ),
        effects=can("irregular bleeding", "breast tenderness"),
    ),
    Family(
        "oestrogen",
        "",
        (
            agent(
                "estradiol",
                also=(
                    "menopausal hot flushes",
                    "hypogonadism",
                ),
                no=no("pregnancy", "severe liver failure"),
            ),
        ),
        no("past venous thrombosis", "unexplained vaginal bleeding", source=LABEL) + no("endometrial cancer"),
        can("thrombosis", "breast tenderness", "endometrial hyperplasia without a progestin"),
    ),
    Family(
        "antiprogestogen",
        "blocks progesterone receptors",
        (
            agent(
                "mifepristone",
                also=(
                    "medical abortion",
                    "Cushing syndrome",
                ),
                effects=can("heavy menstrual bleeding"),
            ),
        ),
        no("untreated adrenal failure", source=LABEL),
    ),
    Family(
        "androgen",
        "activates androgen receptors",
        (agent("testosterone", also=("male hypogonadism",), effects=can("polycythaemia", "acne", "infertility")),),
        no("pregnancy", source=LABEL),
    ),
    Family(
        "oxytocic hormone",
        "stimulates uterine oxytocin receptors",
        (agent("oxytocin", "postpartum haemorrhage from uterine atony", "induction of labour", source=GENERAL),),
        effects=can("uterine hyperstimulation", "low sodium"),
    ),
    Family(
        "uterotonic ergot",
        "contracts the uterus through 5-HT2 and alpha receptors",
        (
            agent(
                "ergometrine",
                also=("postpartum haemorrhage from uterine atony",),
                effects=can("nausea", "hypertension"),
            ),
        ),
        no("uncontrolled hypertension", "coronary artery disease", "peripheral artery disease"),
    ),
    Family(
        "magnesium salt",
        "",
        (
            agent(
                "magnesium sulfate",
                also=(
                    "eclampsia",
                    "torsades de pointes",
                    "asthma",
                ),
                no=no("second-degree heart block"),
            ),
        ),
        effects=can("flushing", "respiratory depression"),
        known_for=("loss of tendon reflexes",),
    ),
    Family(
        "carbonic anhydrase inhibitor",
        "inhibits carbonic anhydrase",
        (
            agent(
                "acetazolamide",
                "acute angle-closure glaucoma",
                "generalised epilepsy",
                also=(
                    "altitude sickness",
                    "idiopathic intracranial hypertension",
                ),
            ),
            agent("dorzolamide", _GLAUCOMA, effects=can("bitter taste")),
        ),
        no("sulfonamide allergy") + no("low potassium"),
        can("metabolic acidosis", "paraesthesia", "kidney stones", "low potassium"),
    ),
    Family(
        "prostaglandin F analogue",
        "increases uveoscleral outflow",
        (agent("latanoprost", _GLAUCOMA), agent("travoprost", _GLAUCOMA)),
        effects=can("macular oedema", "red eyes"),
        known_for=("darkening of the iris",),
    ),
    Family(
        "ocular alpha-2 agonist",
        "reduces aqueous production through alpha-2 receptors",
        (agent("brimonidine", _GLAUCOMA, effects=can("allergic conjunctivitis", "drowsiness")),),
    ),
    Family(
        "muscarinic antagonist",
        "",
        (
            agent(
                "atropine",
                also=(
                    "organophosphate poisoning",
                    "symptomatic bradycardia",
                ),
            ),
            agent(
                "hyoscine",
                also=(
                    "motion sickness",
                    "terminal respiratory secretions",
                ),
            ),
            agent(
                "glycopyrronium",
                also=(
                    "terminal respiratory secretions",
                    "reversal of neuromuscular block",
                ),
            ),
        ),
        no("narrow-angle glaucoma", "urinary retention"),
        can("fast pulse", "dry mouth", "urinary retention", "confusion", "blurred vision"),
    ),
    Family(
        "osmotic diuretic",
        "draws water out by osmosis",
        (
            agent(
                "mannitol",
                "acute angle-closure glaucoma",
                also=("raised intracranial pressure",),
                effects=can("dehydration", "pulmonary oedema"),
            ),
        ),
        no("anuria", "decompensated heart failure", source=LABEL),
    ),
    Family(
        "cholinesterase reactivator",
        "frees acetylcholinesterase from organophosphates",
        (agent("pralidoxime", also=("organophosphate poisoning",), effects=can("dizziness", "fast pulse")),),
        no("myasthenia gravis"),
    ),
    Family(
        "glutathione precursor",
        "",
        (
            agent(
                "acetylcysteine",
                also=("paracetamol overdose",),
            ),
        ),
        effects=can("anaphylactoid reaction", "vomiting"),
    ),
    Family(
        "alcohol dehydrogenase inhibitor",
        "",
        (
            agent(
                "fomepizole",
                also=(
                    "methanol poisoning",
                    "ethylene glycol poisoning",
                ),
            ),
        ),
        effects=can("headache", "nausea"),
    ),
    Family(
        "competing alcohol",
        "",
        (agent("intravenous ethanol", "methanol poisoning", source=GENERAL),),
        effects=can("drowsiness", "low blood glucose"),
    ),
    Family(
        "heavy metal chelator",
        "binds heavy metals through sulfhydryl groups",
        (
            agent("succimer", also=("lead poisoning",), effects=can("raised aminotransferases")),
            agent(
                "dimercaprol", also=("arsenic poisoning",), no=no("severe liver failure"), effects=can("hypertension")
            ),
        ),
        effects=can("rash"),
    ),
    Family(
        "thiazine dye",
        "reduces methaemoglobin",
        (
            agent(
                "methylthioninium chloride",
                "acquired methaemoglobinaemia",
                source=GENERAL,
                effects=can("blue-green urine"),
                no=no("pregnancy"),
            ),
        ),
        no("G6PD deficiency", source=LABEL),
        can("serotonin syndrome", source=LABEL),
    ),
    Family(
        "digoxin antibody fragment",
        "binds digoxin in the blood",
        (agent("digoxin immune Fab", "digoxin toxicity", source=GENERAL, effects=can("low potassium")),),
    ),
    Family(
        "vitamin K",
        "restores carboxylation of clotting factors",
        (
            agent(
                "phytomenadione",
                also=(
                    "warfarin over-anticoagulation",
                    "haemorrhagic disease of the newborn",
                ),
            ),
        ),
        effects=can("anaphylactoid reaction", source=LABEL),
    ),
    Family(
        "heparin antidote",
        "binds heparin as a strong base",
        (
            agent(
                "protamine", "heparin over-anticoagulation", source=GENERAL, effects=can("anaphylaxis", "hypotension")
            ),
        ),
    ),
    Family(
        "vitamin B1",
        "supplies thiamine pyrophosphate",
        (
            agent(
                "thiamine",
                also=(
                    "Wernicke encephalopathy",
                    "beriberi",
                ),
                effects=can("anaphylactoid reaction"),
            ),
        ),
    ),
    Family(
        "vitamin B6",
        "supplies pyridoxal phosphate",
        (
            agent(
                "pyridoxine",
                also=(
                    "isoniazid neuropathy prevention",
                    "nausea of pregnancy",
                ),
            ),
        ),
        effects=can("sensory neuropathy at high doses"),
    ),
    Family(
        "tocolytic oxytocin antagonist",
        "blocks uterine oxytocin receptors",
        (agent("atosiban", "preterm labour", source=GENERAL, effects=can("nausea", "headache")),),
    ),
)
