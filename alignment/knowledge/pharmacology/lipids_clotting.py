"""Drugs for lipids, platelets and clotting, and for the vessels of lung and pelvis."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_AF = "atrial fibrillation"
_FH = "familial hypercholesterolaemia"
_VTE = "venous thromboembolism"

FAMILIES = (
    Family(
        "statin",
        "",
        (
            agent(
                "atorvastatin",
                also=(
                    _FH,
                    "coronary artery disease",
                ),
            ),
            agent(
                "simvastatin",
                also=(
                    _FH,
                    "coronary artery disease",
                ),
            ),
            agent(
                "rosuvastatin",
                also=(
                    _FH,
                    "coronary artery disease",
                ),
            ),
            agent(
                "pravastatin",
                also=(
                    _FH,
                    "coronary artery disease",
                ),
            ),
        ),
        no("pregnancy", "breastfeeding") + no("severe liver failure", source=LABEL),
        can("muscle aches", "raised aminotransferases", "new diabetes"),
        ("rhabdomyolysis",),
    ),
    Family(
        "cholesterol absorption inhibitor",
        "blocks the intestinal sterol transporter NPC1L1",
        (agent("ezetimibe", also=(_FH,), effects=can("diarrhoea", "raised aminotransferases")),),
    ),
    Family(
        "PCSK9 inhibitor",
        "spares LDL receptors from PCSK9",
        (agent("evolocumab", _FH, source=GENERAL), agent("alirocumab", _FH, source=GENERAL)),
        effects=can("injection site reaction"),
    ),
    Family(
        "fibrate",
        "activates PPAR-alpha",
        (agent("fenofibrate", also=("hypertriglyceridaemia",)), agent("gemfibrozil", also=("hypertriglyceridaemia",))),
        no("gallstone disease", "severe liver failure", "kidney failure", source=LABEL) + no("pregnancy"),
        can("muscle aches", "raised aminotransferases") + can("rhabdomyolysis"),
        ("gallstones",),
    ),
    Family(
        "bile acid sequestrant",
        "",
        (agent("colesevelam", _FH, source=GENERAL, no=no("bowel obstruction", source=LABEL)),),
        effects=can("constipation", "bloating", "raised triglycerides"),
    ),
    Family(
        "nicotinic acid",
        "reduces hepatic VLDL secretion",
        (
            agent(
                "niacin",
                also=("hypertriglyceridaemia",),
                no=no("active peptic ulcer", "severe liver failure", source=LABEL) + no("gout"),
                effects=can("raised glucose", "raised uric acid", "itching"),
            ),
        ),
        known_for=("prostaglandin-mediated flushing",),
    ),
    Family(
        "cyclo-oxygenase-1 antiplatelet",
        "irreversibly acetylates platelet cyclo-oxygenase",
        (
            agent(
                "aspirin",
                "acute coronary syndrome",
                "coronary artery disease",
                "migraine",
                "rheumatoid arthritis",
                also=(
                    "acute ischaemic stroke",
                    "Kawasaki disease",
                ),
                no=no("salicylate allergy", "childhood viral illness", source=LABEL)
                + no("active peptic ulcer", "active major bleeding"),
                effects=can("gastric bleeding", "bronchospasm", "tinnitus"),
                known_for=("Reye syndrome",),
            ),
        ),
    ),
    Family(
        "P2Y12 inhibitor",
        "blocks platelet ADP receptors",
        (
            agent(
                "clopidogrel",
                also=(
                    "acute coronary syndrome",
                    "acute ischaemic stroke",
                    "peripheral artery disease",
                ),
            ),
            agent("prasugrel", also=("acute coronary syndrome",), no=no("past stroke", source=LABEL)),
            agent(
                "ticagrelor",
                also=("acute coronary syndrome",),
                no=no("past intracranial haemorrhage", source=LABEL),
                effects=can("slow pulse"),
                known_for=("breathlessness without bronchospasm",),
            ),
        ),
        no("active major bleeding", source=LABEL),
        can("bleeding", "bruising"),
    ),
    Family(
        "phosphodiesterase 3 inhibitor",
        "inhibits phosphodiesterase 3",
        (
            agent(
                "cilostazol",
                also=("peripheral artery disease",),
                no=no("symptomatic heart failure", source=LABEL),
                effects=can("headache", "palpitations"),
            ),
            agent("milrinone", also=("acute heart failure",), effects=can("ventricular tachycardia", "hypotension")),
        ),
    ),
    Family(
        "vitamin K antagonist",
        "inhibits vitamin K epoxide reductase",
        (
            agent(
                "warfarin",
                also=(
                    _AF,
                    _VTE,
                    "mechanical heart valve thrombosis prevention",
                ),
                no=no("pregnancy", "active major bleeding", source=LABEL),
                effects=can("bleeding", "fetal nasal hypoplasia"),
                known_for=("skin necrosis in protein C deficiency",),
            ),
        ),
    ),
    Family(
        "factor Xa inhibitor",
        "",
        (
            agent(
                "apixaban",
                also=(
                    _AF,
                    _VTE,
                ),
            ),
            agent(
                "rivaroxaban",
                also=(
                    _AF,
                    _VTE,
                ),
            ),
            agent("edoxaban", _AF, _VTE, source=GENERAL),
        ),
        no("active major bleeding", source=LABEL) + no("mechanical heart valve", "pregnancy", "severe liver failure"),
        can("bleeding", "anaemia"),
    ),
    Family(
        "direct thrombin inhibitor",
        "",
        (
            agent(
                "dabigatran",
                also=(
                    _AF,
                    _VTE,
                ),
                no=no("mechanical heart valve", source=LABEL) + no("kidney failure", "pregnancy"),
                effects=can("heartburn"),
            ),
            agent("argatroban", also=("heparin-induced thrombocytopenia",)),
            agent("bivalirudin", "acute coronary syndrome", source=GENERAL),
        ),
        no("active major bleeding", source=LABEL),
        can("bleeding"),
    ),
    Family(
        "low molecular weight heparin",
        "",
        (
            agent(
                "enoxaparin",
                also=(
                    _VTE,
                    "acute coronary syndrome",
                ),
            ),
            agent("dalteparin", _VTE, source=GENERAL),
        ),
        no("heparin-induced antibodies", "active major bleeding", source=LABEL),
        can("bleeding", "heparin-induced thrombocytopenia", "high potassium"),
    ),
    Family(
        "unfractionated heparin",
        "potentiates antithrombin against thrombin and factor Xa alike",
        (agent("heparin", _VTE, "acute coronary syndrome", source=GENERAL),),
        no("heparin-induced antibodies", "active major bleeding", source=LABEL),
        can("bleeding", "osteoporosis", "high potassium"),
        ("heparin-induced thrombocytopenia",),
    ),
    Family(
        "indirect factor Xa inhibitor",
        "binds antithrombin as a pentasaccharide",
        (agent("fondaparinux", also=(_VTE,), no=no("active major bleeding", "kidney failure", source=LABEL)),),
        effects=can("bleeding"),
    ),
    Family(
        "fibrinolytic",
        "turns plasminogen into plasmin",
        (
            agent(
                "alteplase",
                "acute ischaemic stroke",
                "massive pulmonary embolism",
                source=GENERAL,
                effects=can("angioedema"),
            ),
            agent("tenecteplase", "acute myocardial infarction", source=GENERAL, effects=can("angioedema")),
        ),
        no("past intracranial haemorrhage", "active major bleeding", "uncontrolled hypertension", source=LABEL),
        can("intracranial haemorrhage", "bleeding"),
    ),
    Family(
        "antifibrinolytic",
        "blocks the lysine sites of plasminogen",
        (
            agent(
                "tranexamic acid",
                also=(
                    "heavy menstrual bleeding",
                    "traumatic haemorrhage",
                ),
                no=no("past venous thrombosis", source=LABEL),
                effects=can("seizures at high doses", "thrombosis"),
            ),
        ),
    ),
    Family(
        "endothelin receptor antagonist",
        "blocks endothelin receptors",
        (
            agent("bosentan", also=("pulmonary arterial hypertension",), no=no("severe liver failure")),
            agent("macitentan", also=("pulmonary arterial hypertension",)),
        ),
        no("pregnancy", source=LABEL),
        can("hepatitis", "anaemia", "ankle swelling"),
    ),
    Family(
        "phosphodiesterase 5 inhibitor",
        "inhibits phosphodiesterase 5",
        (
            agent(
                "sildenafil",
                also=(
                    "erectile dysfunction",
                    "pulmonary arterial hypertension",
                ),
            ),
            agent(
                "tadalafil",
                also=(
                    "erectile dysfunction",
                    "benign prostatic hyperplasia",
                ),
            ),
        ),
        effects=can("headache", "flushing", "sudden hearing loss") + can("priapism"),
        known_for=("blue-tinged vision",),
    ),
)
