"""Drugs for blood pressure, heart failure, angina and rhythm."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_HFREF = "heart failure with reduced ejection fraction"
_AF = "atrial fibrillation"

FAMILIES = (
    Family(
        "ACE inhibitor",
        "inhibits angiotensin-converting enzyme",
        (
            agent("captopril", "hypertension", also=(_HFREF,)),
            agent("enalapril", "hypertension", also=(_HFREF,)),
            agent(
                "lisinopril",
                "hypertension",
                also=(
                    _HFREF,
                    "diabetic nephropathy",
                ),
            ),
            agent(
                "ramipril",
                "hypertension",
                also=(
                    _HFREF,
                    "coronary artery disease",
                ),
            ),
            agent("perindopril", "hypertension", also=("coronary artery disease",)),
        ),
        no("past angioedema", "pregnancy", source=LABEL) + no("bilateral renal artery stenosis"),
        can("high potassium", "acute kidney injury", "first-dose hypotension"),
        ("dry cough", "angioedema"),
    ),
    Family(
        "angiotensin receptor blocker",
        "blocks angiotensin AT1 receptors",
        (
            agent("losartan", "hypertension", also=("diabetic nephropathy",)),
            agent("valsartan", "hypertension", also=(_HFREF,)),
            agent("candesartan", "hypertension", also=(_HFREF,)),
            agent("telmisartan", "hypertension"),
            agent("irbesartan", "hypertension", also=("diabetic nephropathy",)),
        ),
        no("pregnancy", source=LABEL) + no("bilateral renal artery stenosis"),
        can("high potassium", "acute kidney injury", "dizziness"),
    ),
    Family(
        "neprilysin inhibitor with ARB",
        "",
        (agent("sacubitril-valsartan", _HFREF, source=GENERAL),),
        effects=can("high potassium", "hypotension", "acute kidney injury") + can("angioedema", source=LABEL),
    ),
    Family(
        "beta blocker",
        "",
        (
            agent(
                "metoprolol",
                "hypertension",
                "stable angina",
                also=(
                    _AF,
                    _HFREF,
                ),
            ),
            agent(
                "propranolol",
                "hypertension",
                also=(
                    "essential tremor",
                    "migraine",
                    "stable angina",
                ),
            ),
            agent(
                "bisoprolol",
                "hypertension",
                also=(
                    _HFREF,
                    _AF,
                ),
            ),
            agent("atenolol", "hypertension", "stable angina", also=(_AF,)),
            agent(
                "carvedilol",
                "hypertension",
                also=(_HFREF,),
                no=no("severe liver failure", "severe asthma", source=LABEL),
            ),
            agent("nebivolol", "hypertension", also=(_HFREF,)),
            agent(
                "labetalol", "hypertension", also=("hypertension in pregnancy",), no=no("severe asthma", source=LABEL)
            ),
            agent(
                "esmolol",
                also=(
                    "supraventricular tachycardia",
                    _AF,
                ),
            ),
            agent("timolol", "glaucoma", "hypertension", no=no("severe asthma", source=LABEL)),
        ),
        no("second-degree heart block", "cardiogenic shock", "decompensated heart failure", "sinus bradycardia")
        + no("severe asthma")
        + no("myasthenia gravis"),
        can("slow pulse", "fatigue", "cold hands and feet", "bronchospasm", "erectile dysfunction")
        + can("masked hypoglycaemia", "nightmares"),
    ),
    Family(
        "calcium channel blocker",
        "",
        (
            agent("amlodipine", "hypertension", also=("stable angina",)),
            agent(
                "nifedipine",
                "hypertension",
                also=(
                    "stable angina",
                    "hypertension in pregnancy",
                    "Raynaud phenomenon",
                ),
            ),
            agent("felodipine", "hypertension"),
            agent("nimodipine", also=("subarachnoid haemorrhage",)),
            agent(
                "verapamil",
                "hypertension",
                also=(
                    "stable angina",
                    _AF,
                    "supraventricular tachycardia",
                    "cluster headache",
                ),
                no=no("second-degree heart block", "cardiogenic shock", "reduced ejection fraction", source=LABEL)
                + no("pre-excited atrial fibrillation", source=LABEL),
                effects=can("slow pulse", "worsening heart failure") + can("constipation"),
            ),
            agent(
                "diltiazem",
                "hypertension",
                also=(
                    "stable angina",
                    _AF,
                ),
                no=no("second-degree heart block", source=LABEL) + no("reduced ejection fraction"),
                effects=can("slow pulse", "constipation"),
            ),
        ),
        effects=can("headache", "flushing", "ankle swelling", "gingival overgrowth"),
    ),
    Family(
        "thiazide diuretic",
        "blocks the sodium-chloride cotransporter of the distal tubule",
        (
            agent("hydrochlorothiazide", "hypertension"),
            agent("bendroflumethiazide", "hypertension"),
            agent("chlortalidone", "hypertension"),
            agent("indapamide", "hypertension"),
            agent("metolazone", "hypertension", also=("oedema",)),
        ),
        no("anuria", source=LABEL) + no("sulfonamide allergy", "gout", "high calcium"),
        can("low potassium", "low sodium", "raised uric acid", "raised glucose", "photosensitivity"),
        ("high calcium",),
    ),
    Family(
        "loop diuretic",
        "blocks the sodium-potassium-chloride cotransporter of the loop of Henle",
        (
            agent(
                "furosemide",
                "hypertension",
                also=(
                    "oedema",
                    _HFREF,
                ),
            ),
            agent(
                "bumetanide",
                also=(
                    "oedema",
                    _HFREF,
                ),
            ),
            agent(
                "torasemide",
                "hypertension",
                also=(
                    "oedema",
                    _HFREF,
                ),
            ),
        ),
        no("anuria", source=LABEL) + no("low potassium"),
        can("low potassium", "low magnesium", "low calcium", "dehydration", "raised uric acid", "hearing loss"),
    ),
    Family(
        "potassium-sparing diuretic",
        "blocks epithelial sodium channels",
        (agent("amiloride", "hypertension", also=("oedema",)), agent("triamterene", "hypertension", also=("oedema",))),
        no("high potassium", "anuria", source=LABEL) + no("kidney failure"),
        can("high potassium"),
    ),
    Family(
        "mineralocorticoid antagonist",
        "",
        (
            agent(
                "spironolactone",
                "hypertension",
                also=(
                    _HFREF,
                    "primary aldosteronism",
                    "ascites",
                ),
                effects=can("menstrual irregularity"),
                known_for=("gynaecomastia",),
                no=no("pregnancy"),
            ),
            agent("eplerenone", "hypertension", also=(_HFREF,)),
        ),
        no("high potassium", source=LABEL) + no("kidney failure"),
        can("high potassium", "low sodium"),
    ),
    Family(
        "central alpha-2 agonist",
        "stimulates central alpha-2 receptors",
        (
            agent("clonidine", "hypertension", known_for=("rebound hypertension",)),
            agent(
                "methyldopa",
                "hypertension",
                also=("hypertension in pregnancy",),
                no=no("severe liver failure", source=LABEL),
                effects=can("depressed mood", "hepatitis") + can("haemolysis"),
                known_for=("positive direct antiglobulin test",),
            ),
        ),
        effects=can("drowsiness", "dry mouth", "slow pulse"),
    ),
    Family(
        "alpha blocker",
        "",
        (
            agent("tamsulosin", also=("benign prostatic hyperplasia",), known_for=("floppy iris during eye surgery",)),
            agent("doxazosin", "hypertension", also=("benign prostatic hyperplasia",)),
            agent("prazosin", "hypertension"),
            agent("terazosin", "hypertension", also=("benign prostatic hyperplasia",)),
            agent("phenoxybenzamine", also=("phaeochromocytoma",), effects=can("fast pulse")),
        ),
        effects=can("orthostatic hypotension", "dizziness", "stuffy nose"),
    ),
    Family(
        "arteriolar vasodilator",
        "relaxes arteriolar smooth muscle",
        (
            agent(
                "hydralazine", "hypertension", also=("hypertension in pregnancy",), known_for=("drug-induced lupus",)
            ),
            agent("minoxidil", "hypertension", also=("androgenetic alopecia",), known_for=("excess hair growth",)),
        ),
        no("coronary artery disease"),
        can("fast pulse", "fluid retention", "headache"),
    ),
    Family(
        "vasodilator combination",
        "",
        (agent("hydralazine-nitrate", _HFREF, source=GENERAL),),
        effects=can("headache", "dizziness", "drug-induced lupus"),
    ),
    Family(
        "organic nitrate",
        "releases nitric oxide in veins",
        (
            agent(
                "glyceryl trinitrate",
                also=(
                    "stable angina",
                    "acute coronary syndrome",
                    "anal fissure",
                ),
            ),
            agent("isosorbide mononitrate", also=("stable angina",)),
            agent("isosorbide dinitrate", also=("stable angina",)),
        ),
        no("severe aortic stenosis", "raised intracranial pressure"),
        can("headache", "flushing", "orthostatic hypotension", "tolerance with continuous use"),
    ),
    Family(
        "antianginal sodium current blocker",
        "blocks the late sodium current of the heart",
        (
            agent(
                "ranolazine",
                also=("stable angina",),
                no=no("severe liver failure", source=LABEL) + no("long QT interval"),
                effects=can("long QT interval", "constipation", "dizziness"),
            ),
        ),
    ),
    Family(
        "funny channel blocker",
        "slows the sinus node through If channels",
        (
            agent(
                "ivabradine",
                _HFREF,
                "stable angina",
                source=GENERAL,
                no=no("sinus bradycardia", "decompensated heart failure", "severe liver failure", source=LABEL),
                effects=can("slow pulse", "atrial fibrillation"),
                known_for=("bright spots in the visual field",),
            ),
        ),
    ),
    Family(
        "cardiac glycoside",
        "inhibits the sodium-potassium pump",
        (
            agent(
                "digoxin",
                also=(
                    _AF,
                    _HFREF,
                ),
                no=no("ventricular fibrillation", source=LABEL)
                + no("second-degree heart block", "low potassium", "pre-excited atrial fibrillation"),
                effects=can("nausea", "heart block", "ventricular ectopics", "confusion") + can("gynaecomastia"),
                known_for=("yellow vision",),
            ),
        ),
    ),
    Family(
        "class III antiarrhythmic",
        "prolongs repolarisation through potassium channels",
        (
            agent(
                "amiodarone",
                also=(
                    _AF,
                    "ventricular tachycardia",
                ),
                no=no("second-degree heart block", "sinus bradycardia", "cardiogenic shock", source=LABEL)
                + no("pregnancy"),
                effects=can("hypothyroidism", "hyperthyroidism", "hepatitis", "photosensitivity", "slow pulse"),
                known_for=("corneal deposits", "pulmonary fibrosis", "blue-grey skin"),
            ),
            agent(
                "dronedarone",
                also=(_AF,),
                no=no("permanent atrial fibrillation", "decompensated heart failure", source=LABEL)
                + no("pregnancy", "severe liver failure"),
                effects=can("diarrhoea", "hepatitis"),
            ),
            agent(
                "sotalol",
                also=(
                    _AF,
                    "ventricular tachycardia",
                ),
                no=no("severe asthma", "low potassium", source=LABEL) + no("kidney failure"),
                effects=can("slow pulse", "fatigue"),
            ),
        ),
        no("long QT interval"),
        can("long QT interval"),
    ),
    Family(
        "class Ic antiarrhythmic",
        "strongly blocks cardiac sodium channels",
        (
            agent(
                "flecainide",
                also=(
                    _AF,
                    "supraventricular tachycardia",
                ),
            ),
            agent("propafenone", also=(_AF,), no=no("severe asthma")),
        ),
        no("cardiogenic shock", "second-degree heart block", source=LABEL)
        + no("coronary artery disease", "reduced ejection fraction"),
        can("ventricular tachycardia", "dizziness", "blurred vision") + can("wide QRS in overdose"),
    ),
    Family(
        "purine nucleoside",
        "",
        (agent("adenosine", also=("supraventricular tachycardia",), no=no("second-degree heart block", source=LABEL)),),
        effects=can("flushing", "bronchospasm", "brief asystole"),
        known_for=("sense of impending doom",),
    ),
)
