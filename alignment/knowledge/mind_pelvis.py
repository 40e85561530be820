"""Psychiatry and poisoning; conditions of the pelvis and of pregnancy."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, typical

CONDITIONS = (
    Condition(
        "bipolar disorder",
        "psychiatry and poisoning",
        decisive("a week of elated mood with little sleep", "grandiose plans", "past mania and past depression")
        + typical("pressured speech", "overspending", "racing thoughts", "restlessness", "poor judgement"),
        "lithium",
        "CANMAT 2018",
        (Alternative("kidney failure", "valproate", "CANMAT 2018"),),
        also_accepted=("carbamazepine", "lorazepam"),
    ),
    Condition(
        "alcohol withdrawal",
        "psychiatry and poisoning",
        decisive("tremor two days after the last drink", "high CIWA score", "a bottle of vodka daily until Sunday")
        + typical("sweating", "anxiety", "fast pulse", "vomiting", "restlessness"),
        "chlordiazepoxide",
        "ASAM 2020",
        (Alternative("severe liver failure", "lorazepam", "ASAM 2020"),),
        also_accepted=("gabapentin", "carbamazepine", "valproate", "primidone", "magnesium sulfate"),
    ),
    Condition(
        "opioid overdose",
        "psychiatry and poisoning",
        decisive("respirations of 5 a minute", "needle marks with coma", "several fentanyl patches", source="WHO")
        + typical("drowsiness", "low oxygen", "slow pulse", "blue lips", "low blood pressure"),
        "naloxone",
        "WHO",
    ),
    Condition(
        "paracetamol overdose",
        "psychiatry and poisoning",
        decisive("thirty paracetamol tablets taken", "paracetamol level over the line", "rising INR after an overdose")
        + typical("vomiting", "abdominal pain", "nausea", "low mood", "tender liver"),
        "acetylcysteine",
        GENERAL,
    ),
    Condition(
        "methanol poisoning",
        "psychiatry and poisoning",
        decisive("snowfield vision", "home-made spirit drunk", "high formate level")
        + typical("vomiting", "abdominal pain", "blurred vision", "headache", "confusion"),
        "fomepizole",
        "AACT 2002",
        (Alternative("fomepizole allergy", "intravenous ethanol", "AACT 2002"),),
    ),
    Condition(
        "organophosphate poisoning",
        "psychiatry and poisoning",
        decisive(
            "low red cell cholinesterase",
            "unmasked insecticide spraying",
            "garlic smell with drooling",
            source="WHO",
        )
        + typical("sweating", "small pupils", "vomiting", "wheeze", "slow pulse"),
        "atropine",
        "WHO",
        also_accepted=("lorazepam",),
        ages=(18, 65),
    ),
    Condition(
        "eclampsia",
        "pelvis and pregnancy",
        decisive("seizure at 34 weeks", "heavy proteinuria after 20 weeks", "fits soon after delivery")
        + typical("headache", "hypertension", "blurred vision", "ankle swelling", "upper abdominal pain"),
        "magnesium sulfate",
        "WHO",
        (Alternative("myasthenia gravis", "phenytoin", GENERAL),),
        also_accepted=("lorazepam",),
        aim="for seizures",
        sex="female",
        ages=(18, 42),
    ),
    Condition(
        "endometriosis",
        "pelvis and pregnancy",
        decisive("chocolate cyst of the ovary", "nodules behind the uterus", "blue-black spots at laparoscopy")
        + typical("painful periods", "pelvic pain", "pain on intercourse", "infertility", "painful defecation"),
        "ethinylestradiol-levonorgestrel",
        "ESHRE 2022",
        (Alternative("migraine with aura", "dienogest", "ESHRE 2022"),),
        also_accepted=("ibuprofen", "naproxen"),
        aim="for pain without a wish to conceive",
        sex="female",
        ages=(18, 40),
    ),
    Condition(
        "menopausal hot flushes",
        "pelvis and pregnancy",
        decisive("twelve flushes a day", "fourteen months without a period", "sudden heat over face and chest")
        + typical("night sweats", "poor sleep", "vaginal dryness", "mood change", "low libido"),
        "estradiol",
        "NAMS 2022",
        (Alternative("past breast cancer", "venlafaxine", "NAMS 2023"),),
        also_accepted=("gabapentin", "dienogest", "oxybutynin"),
        sex="female",
        ages=(47, 57),
    ),
    Condition(
        "benign prostatic hyperplasia",
        "pelvis and pregnancy",
        decisive("smooth enlarged prostate", "weak stream with hesitancy", "large residual volume after voiding")
        + typical("getting up at night to void", "frequent urination", "urgency to void", "dribbling", "no fever"),
        "tamsulosin",
        "AUA 2021",
        (Alternative("planned cataract surgery", "finasteride", "AUA 2021"),),
        also_accepted=("mirabegron", "oxybutynin"),
        sex="male",
        ages=(55, 80),
    ),
    Condition(
        "overactive bladder",
        "pelvis and pregnancy",
        decisive("leakage on hearing running water", "detrusor overactivity", "urge leakage with clear urine")
        + typical("urgency to void", "getting up at night to void", "frequent urination", "no fever", "poor sleep"),
        "oxybutynin",
        "AUA/SUFU 2019",
        (Alternative("narrow-angle glaucoma", "mirabegron", "AUA/SUFU 2019"),),
        also_accepted=("desmopressin", "estradiol"),
        sex="female",
        ages=(35, 75),
    ),
)
