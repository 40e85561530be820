"""Conditions of pregnancy and of the female pelvis beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "unruptured ectopic pregnancy",
        "obstetrics and gynaecology",
        decisive(
            "one-sided pelvic pain seven weeks after the last period",
            "shoulder tip ache with spotting after a tubal operation",
        )
        + shown_by("transvaginal ultrasound with serial hCG", "adnexal ring beside an empty uterus", source="ACOG 2018")
        + shown_by("transvaginal ultrasound with serial hCG", "hCG that rises by a fifth in two days")
        + typical("pelvic pain", "abnormal vaginal bleeding", "missed periods", "nausea", "dizziness", "abdominal pain")
        + typical("smoking", "past pelvic infection", "back pain"),
        "methotrexate",
        "ACOG 2018",
        (Alternative("severe liver failure", "laparoscopic salpingectomy", "ACOG 2018", equal=True),),
        aim="if she is stable",
        sex="female",
        ages=(18, 42),
        test="transvaginal ultrasound with serial hCG",
        mechanism="implantation of the embryo in the tube",
        difficulty=1,
    ),
    Condition(
        "polycystic ovary syndrome",
        "obstetrics and gynaecology",
        decisive("coarse chin hair with a period every three months", "velvety neck folds with acne and rare periods")
        + shown_by(
            "free testosterone with ovarian ultrasound",
            "twenty-five follicles in each ovary",
            source="International PCOS guideline 2023",
        )
        + shown_by("free testosterone with ovarian ultrasound", "high free testosterone with rare ovulation")
        + typical("missed periods", "obesity", "infertility", "acne", "hair loss", "low mood", "weight gain")
        + typical("high blood glucose", "abnormal vaginal bleeding", "heavy periods"),
        "ethinylestradiol-levonorgestrel",
        "International PCOS guideline 2023",
        (Alternative("migraine with aura", "medroxyprogesterone", GENERAL),),
        also_accepted=("metformin", "spironolactone"),
        aim="for irregular cycles without a wish to conceive",
        sex="female",
        ages=(18, 38),
        test="free testosterone with ovarian ultrasound",
        mechanism="insulin-driven ovarian androgen excess",
        difficulty=1,
    ),
    Condition(
        "bacterial vaginosis",
        "obstetrics and gynaecology",
        decisive("thin grey discharge with a fishy smell", "smell that worsens after unprotected sex without itch")
        + shown_by("vaginal pH with wet mount", "clue cells", source="CDC 2021")
        + shown_by("vaginal pH with wet mount", "vaginal pH of 5.2 with a positive whiff test", source="CDC 2021")
        + typical(
            "discharge", "new sexual partner", "burning on urination", "pelvic pain", "no fever", "spotting after sex"
        )
        + typical("pain on intercourse", "normal examination"),
        "metronidazole",
        "CDC 2021",
        also_accepted=("clindamycin", "tinidazole", "secnidazole"),
        sex="female",
        ages=(18, 45),
        test="vaginal pH with wet mount",
        mechanism="anaerobes replace vaginal lactobacilli",
        difficulty=1,
    ),
    Condition(
        "vulvovaginal candidiasis",
        "obstetrics and gynaecology",
        decisive("cottage-cheese discharge with a red vulva", "intense vulval itch after a course of antibiotics")
        + shown_by("potassium hydroxide preparation", "pseudohyphae in the wet mount", source="CDC 2021")
        + shown_by("potassium hydroxide preparation", "budding yeast at a vaginal pH of 4.2")
        + typical(
            "discharge", "itching", "burning on urination", "pain on intercourse", "no fever", "diabetes for years"
        )
        + typical("high blood glucose", "obesity"),
        "fluconazole",
        "CDC 2021",
        (Alternative("pregnancy", "clotrimazole", "CDC 2021", equal=True),),
        also_accepted=("clotrimazole", "miconazole", "itraconazole", "ibrexafungerp", "terconazole"),
        sex="female",
        ages=(18, 50),
        test="potassium hydroxide preparation",
        mechanism="yeast overgrowth of the vaginal lining",
        difficulty=1,
    ),
    Condition(
        "hyperemesis gravidarum",
        "obstetrics and gynaecology",
        decisive(
            "nine weeks pregnant and nothing stays down", "six kilograms lost in the first trimester from retching"
        )
        + shown_by(
            "urinary ketones with ultrasound", "heavy ketonuria with an intrauterine pregnancy", source="RCOG 2024"
        )
        + shown_by("urinary ketones with ultrasound", "twin sacs with ketones in urine")
        + typical("vomiting", "nausea", "weight loss", "fatigue", "dizziness", "missed periods", "low potassium")
        + typical("fast pulse", "loss of appetite", "headache"),
        "doxylamine-pyridoxine",
        "RCOG 2024",
        also_accepted=("metoclopramide", "ondansetron", "promethazine", "cyclizine", "prednisone", "prochlorperazine"),
        aim="as first antiemetic",
        sex="female",
        ages=(18, 40),
        test="urinary ketones with ultrasound",
        mechanism="placental hormones stimulate the vomiting centre",
        difficulty=1,
    ),
    Condition(
        "postpartum haemorrhage from uterine atony",
        "obstetrics and gynaecology",
        decisive(
            "boggy uterus above the navel after a twin birth", "pads soaked minutes after the placenta came out whole"
        )
        + shown_by(
            "palpation of the fundus with blood loss weighed",
            "weighed loss of 1400 mL with a soft fundus",
            source="WHO 2023",
        )
        + shown_by(
            "palpation of the fundus with blood loss weighed", "empty cavity with a uterus that does not contract"
        )
        + typical("abnormal vaginal bleeding", "fast pulse", "low blood pressure", "dizziness", "pale skin", "sweating")
        + typical("heavy bleeding", "low haemoglobin", "recent delivery"),
        "oxytocin",
        "WHO 2023",
        also_accepted=(
            "misoprostol",
            "carboprost",
            "methylergometrine",
            "tranexamic acid",
            "ergometrine",
            "carbetocin",
        ),
        sex="female",
        ages=(18, 42),
        test="palpation of the fundus with blood loss weighed",
        mechanism="uterine muscle fails to clamp its vessels",
        difficulty=1,
    ),
    Condition(
        "severe pre-eclampsia",
        "obstetrics and gynaecology",
        decisive("pressure of 172/114 at 33 weeks with flashing lights", "swollen face and liver pain at 36 weeks")
        + shown_by(
            "urine protein-creatinine ratio with platelets",
            "new protein-creatinine ratio of 0.9 in the third trimester",
        )
        + shown_by(
            "urine protein-creatinine ratio with platelets", "falling platelets at 35 weeks with a high placental ratio"
        )
        + typical(
            "hypertension", "headache", "protein in urine", "blurred vision", "upper abdominal pain", "ankle swelling"
        )
        + typical("nausea", "low platelets", "raised transaminases"),
        "labetalol",
        "ACOG 2020",
        (Alternative("severe asthma", "nifedipine", "ACOG 2020", equal=True),),
        also_accepted=("hydralazine", "magnesium sulfate", "methyldopa"),
        aim="for blood pressure",
        sex="female",
        ages=(18, 42),
        test="urine protein-creatinine ratio with platelets",
        mechanism="shallow placentation injures maternal endothelium",
        difficulty=1,
    ),
    Condition(
        "pelvic inflammatory disease",
        "obstetrics and gynaecology",
        decisive("pain on moving the cervix", "deep pelvic pain with pus at the os a week after a coil")
        + shown_by(
            "cervical swab with pelvic examination", "thick tubes full of fluid with a purulent swab", source="CDC 2021"
        )
        + shown_by("cervical swab with pelvic examination", "Mycoplasma genitalium with adnexal tenderness")
        + typical(
            "pelvic pain",
            "discharge",
            "fever",
            "new sexual partner",
            "pain on intercourse",
            "abnormal vaginal bleeding",
        )
        + typical("raised white cells", "raised CRP", "spotting after sex", "abdominal pain"),
        "ceftriaxone",
        "CDC 2021",
        also_accepted=(
            "doxycycline",
            "clindamycin",
            "gentamicin",
            "azithromycin",
            "metronidazole",
            "moxifloxacin",
            "gentamicin with azithromycin",
            "levofloxacin",
        ),
        aim="together with doxycycline and metronidazole",
        sex="female",
        ages=(18, 38),
        test="cervical swab with pelvic examination",
        mechanism="cervical bacteria ascend to the tubes",
        difficulty=1,
    ),
    Condition(
        "uterine fibroids",
        "obstetrics and gynaecology",
        decisive("irregular womb the size of a 16-week pregnancy", "flooding periods with a knobbly pelvic mass")
        + shown_by("pelvic ultrasound", "whorled submucosal mass of 6 cm", source="ACOG 2021")
        + shown_by("pelvic ultrasound", "several hypoechoic masses of the myometrium")
        + typical(
            "heavy periods", "pelvic pain", "low haemoglobin", "frequent urination", "constipation", "infertility"
        )
        + typical("fatigue", "back pain", "painful periods", "pale skin"),
        "levonorgestrel",
        "NICE NG88",
        also_accepted=(
            "tranexamic acid",
            "relugolix",
            "leuprorelin",
            "ethinylestradiol-levonorgestrel",
            "naproxen",
            "ibuprofen",
            "goserelin",
            "elagolix",
            "myomectomy",
        ),
        aim="for bleeding, as an intrauterine system",
        sex="female",
        ages=(30, 50),
        test="pelvic ultrasound",
        mechanism="monoclonal growth of uterine smooth muscle",
        difficulty=1,
    ),
    Condition(
        "intrahepatic cholestasis of pregnancy",
        "obstetrics and gynaecology",
        decisive(
            "itchy palms and soles without rash at 31 weeks",
            "night-time itch in late pregnancy that ended after her last birth",
        )
        + shown_by("serum bile acids", "bile acids of 62", source="RCOG 2022")
        + shown_by("serum bile acids", "raised fasting bile acids in the third trimester")
        + typical("itching", "poor sleep", "raised transaminases", "dark urine", "jaundice", "fatigue", "scratch marks")
        + typical("nausea", "loss of appetite"),
        "ursodeoxycholic acid",
        "SMFM 2021",
        also_accepted=("colestyramine", "rifampicin"),
        sex="female",
        ages=(18, 42),
        test="serum bile acids",
        mechanism="oestrogen impairs export of bile salts",
    ),
)
