"""Drugs against viruses, fungi, protozoa, worms and mites."""

from alignment.knowledge.pharmacology.notation import LABEL, Family, agent, can, no
from alignment.knowledge.schema import GENERAL

_HIV = "HIV infection"
_HBV = "chronic hepatitis B"
_HCV = "chronic hepatitis C"
_MALARIA = "falciparum malaria"

FAMILIES = (
    Family(
        "neuraminidase inhibitor",
        "",
        (
            agent("oseltamivir", also=("influenza",), effects=can("vomiting", "delirium")),
            agent("zanamivir", also=("influenza",), no=no("severe asthma"), effects=can("bronchospasm", source=LABEL)),
        ),
    ),
    Family(
        "herpes nucleoside analogue",
        "stops viral DNA synthesis after activation by thymidine kinase",
        (
            agent(
                "aciclovir",
                also=(
                    "herpes simplex encephalitis",
                    "genital herpes",
                    "herpes zoster",
                    "chickenpox",
                ),
            ),
            agent(
                "valaciclovir",
                also=(
                    "herpes zoster",
                    "genital herpes",
                ),
            ),
        ),
        effects=can("acute kidney injury", "confusion"),
        known_for=("crystal nephropathy",),
    ),
    Family(
        "cytomegalovirus nucleoside analogue",
        "inhibits cytomegalovirus DNA polymerase",
        (
            agent("ganciclovir", also=("cytomegalovirus retinitis",)),
            agent(
                "valganciclovir",
                also=(
                    "cytomegalovirus retinitis",
                    "cytomegalovirus prophylaxis after transplantation",
                ),
            ),
        ),
        no("bone marrow failure", "pregnancy"),
        can("bone marrow suppression", source=LABEL),
    ),
    Family(
        "pyrophosphate analogue",
        "blocks the pyrophosphate site of viral polymerase",
        (
            agent(
                "foscarnet",
                also=(
                    "cytomegalovirus retinitis",
                    "aciclovir-resistant herpes",
                ),
                no=no("long QT interval"),
            ),
        ),
        no("kidney failure", "low calcium"),
        can("acute kidney injury", "seizures", "genital ulcers", source=LABEL) + can("low calcium"),
    ),
    Family(
        "nucleoside reverse transcriptase inhibitor",
        "terminates HIV DNA chains",
        (
            agent(
                "abacavir",
                also=(_HIV,),
                no=no("HLA-B*57:01", source=LABEL),
                known_for=("hypersensitivity foretold by HLA-B*57:01",),
            ),
            agent("zidovudine", also=(_HIV,), effects=can("bone marrow suppression", "myopathy")),
            agent(
                "lamivudine",
                also=(
                    _HIV,
                    _HBV,
                ),
                effects=can("headache"),
            ),
            agent("emtricitabine", also=(_HIV,), effects=can("skin discolouration")),
            agent(
                "tenofovir",
                also=(
                    _HIV,
                    _HBV,
                ),
                effects=can("loss of bone density"),
                known_for=("Fanconi syndrome",),
                no=no("kidney failure"),
            ),
        ),
        effects=can("lactic acidosis"),
    ),
    Family(
        "non-nucleoside reverse transcriptase inhibitor",
        "binds reverse transcriptase away from its active site",
        (
            agent("efavirenz", also=(_HIV,), known_for=("vivid dreams",)),
            agent(
                "nevirapine",
                also=(_HIV,),
                no=no("severe liver failure", source=LABEL),
                effects=can("hepatitis") + can("Stevens-Johnson syndrome"),
            ),
            agent("rilpivirine", also=(_HIV,), effects=can("depressed mood")),
        ),
        effects=can("rash"),
    ),
    Family(
        "integrase inhibitor",
        "blocks integration of viral DNA",
        (
            agent("dolutegravir", also=(_HIV,)),
            agent("raltegravir", also=(_HIV,), effects=can("raised creatine kinase")),
            agent("bictegravir", _HIV, source=GENERAL),
        ),
        effects=can("weight gain", "insomnia", "headache"),
    ),
    Family(
        "HIV protease inhibitor",
        "blocks cleavage of HIV polyproteins",
        (
            agent("darunavir", also=(_HIV,), effects=can("rash")),
            agent("atazanavir", also=(_HIV,), effects=can("kidney stones"), known_for=("unconjugated jaundice",)),
            agent("ritonavir", also=(_HIV,), effects=can("altered taste")),
        ),
        effects=can("raised glucose", "raised triglycerides", "diarrhoea"),
        known_for=("fat redistribution",),
    ),
    Family(
        "CCR5 antagonist",
        "blocks the CCR5 co-receptor",
        (agent("maraviroc", also=(_HIV,), effects=can("hepatitis", source=LABEL)),),
    ),
    Family(
        "hepatitis B polymerase inhibitor",
        "inhibits hepatitis B polymerase",
        (agent("entecavir", also=(_HBV,), effects=can("hepatitis flare after stopping", source=LABEL)),),
    ),
    Family(
        "hepatitis C polymerase inhibitor",
        "terminates hepatitis C RNA through NS5B",
        (agent("sofosbuvir", also=(_HCV,), effects=can("fatigue", "headache")),),
    ),
    Family(
        "broad antiviral nucleoside",
        "disturbs viral RNA with a guanosine analogue",
        (agent("ribavirin", also=(_HCV,), effects=can("fetal malformations", source=LABEL), no=no("kidney failure")),),
        no("pregnancy", source=LABEL),
        known_for=("haemolysis",),
    ),
    Family(
        "coronavirus protease inhibitor",
        "inhibits the SARS-CoV-2 main protease",
        (agent("nirmatrelvir-ritonavir", "COVID-19", source=GENERAL, no=no("severe liver failure")),),
        effects=can("altered taste", "diarrhoea"),
    ),
    Family(
        "coronavirus polymerase inhibitor",
        "stalls SARS-CoV-2 RNA polymerase",
        (agent("remdesivir", "COVID-19", source=GENERAL, effects=can("slow pulse", "raised aminotransferases")),),
    ),
    Family(
        "azole antifungal",
        "inhibits fungal 14-alpha-demethylase",
        (
            agent(
                "fluconazole",
                also=(
                    "vulvovaginal candidiasis",
                    "cryptococcal meningitis",
                ),
            ),
            agent(
                "itraconazole",
                also=(
                    "histoplasmosis",
                    "onychomycosis",
                ),
                no=no("symptomatic heart failure", source=LABEL) + no("pregnancy"),
                effects=can("worsening heart failure", source=LABEL),
            ),
            agent(
                "voriconazole",
                also=("invasive pulmonary aspergillosis",),
                known_for=("transient visual disturbance",),
                effects=can("squamous cell skin cancer"),
                no=no("pregnancy"),
            ),
            agent("posaconazole", also=("invasive aspergillosis prophylaxis",)),
        ),
        no("long QT interval"),
        can("hepatitis", "long QT interval", "rash"),
    ),
    Family(
        "polyene antifungal",
        "forms pores with ergosterol",
        (
            agent(
                "amphotericin B",
                also=(
                    "cryptococcal meningitis",
                    "mucormycosis",
                ),
                effects=can("acute kidney injury", "low potassium", "low magnesium")
                + can("nephrogenic diabetes insipidus"),
                known_for=("rigors during infusion",),
            ),
            agent("nystatin", also=("oral candidiasis",), effects=can("nausea")),
        ),
    ),
    Family(
        "echinocandin",
        "inhibits fungal glucan synthase",
        (agent("caspofungin", also=("invasive candidiasis",)), agent("micafungin", also=("invasive candidiasis",))),
        effects=can("raised aminotransferases", "infusion reaction"),
    ),
    Family(
        "allylamine antifungal",
        "inhibits squalene epoxidase",
        (
            agent(
                "terbinafine",
                also=(
                    "onychomycosis",
                    "tinea capitis",
                ),
                effects=can("hepatitis", "loss of taste"),
            ),
        ),
        no("severe liver failure", source=LABEL),
    ),
    Family(
        "fungal antimetabolite",
        "becomes fluorouracil inside fungi",
        (agent("flucytosine", also=("cryptococcal meningitis",), effects=can("bone marrow suppression")),),
        no("DPD deficiency", source=LABEL),
    ),
    Family(
        "microtubule antifungal",
        "disrupts the fungal mitotic spindle",
        (agent("griseofulvin", also=("tinea capitis",), effects=can("photosensitivity", "headache")),),
        no("acute porphyria", "severe liver failure", "pregnancy", source=LABEL),
    ),
    Family(
        "antimalarial immunomodulator",
        "",
        (
            agent(
                "hydroxychloroquine",
                "systemic lupus erythematosus",
                "rheumatoid arthritis",
                "malaria",
                no=no("long QT interval") + no("myasthenia gravis"),
            ),
            agent(
                "chloroquine",
                "vivax malaria",
                "malaria",
                "systemic lupus erythematosus",
                "rheumatoid arthritis",
                no=no("retinopathy", source=LABEL) + no("long QT interval", "myasthenia gravis"),
            ),
        ),
        effects=can("long QT interval", "haemolysis in G6PD deficiency", "itching") + can("corneal deposits"),
        known_for=("retinal toxicity",),
    ),
    Family(
        "8-aminoquinoline",
        "oxidises dormant liver-stage parasites",
        (agent("primaquine", "vivax malaria", effects=can("methaemoglobinaemia")),),
        no("G6PD deficiency", "pregnancy"),
        known_for=("haemolysis",),
    ),
    Family(
        "cinchona alkaloid",
        "poisons parasites with undigested haem",
        (agent("quinine", _MALARIA, effects=can("low blood glucose", "long QT interval", "thrombocytopenia")),),
        no("long QT interval", "myasthenia gravis", "optic neuritis", source=LABEL),
        known_for=("tinnitus with blurred vision and nausea",),
    ),
    Family(
        "quinoline methanol",
        "damages the parasite food vacuole",
        (agent("mefloquine", "malaria prophylaxis", effects=can("vestibular loss", source=LABEL)),),
        no("epilepsy", source=LABEL),
        known_for=("nightmares and psychosis on prophylaxis",),
    ),
    Family(
        "artemisinin combination",
        "",
        (agent("artemether-lumefantrine", _MALARIA, source=GENERAL),),
        effects=can("long QT interval", "headache"),
    ),
    Family(
        "intravenous artemisinin",
        "kills ring-stage parasites within hours",
        (agent("artesunate", "severe malaria", source=GENERAL),),
        known_for=("delayed haemolysis",),
    ),
    Family(
        "hydroxynaphthoquinone",
        "",
        (
            agent("atovaquone-proguanil", _MALARIA, "malaria prophylaxis", source=GENERAL),
            agent("atovaquone", also=("Pneumocystis pneumonia",)),
        ),
        effects=can("vomiting", "rash"),
    ),
    Family(
        "protozoal antifolate",
        "inhibits protozoal dihydrofolate reductase",
        (agent("pyrimethamine", also=("toxoplasmosis",)),),
        effects=can("megaloblastic anaemia", source=LABEL),
    ),
    Family(
        "aromatic diamidine",
        "binds parasite DNA in the minor groove",
        (
            agent(
                "pentamidine",
                also=(
                    "Pneumocystis pneumonia",
                    "African trypanosomiasis",
                ),
                no=no("long QT interval"),
            ),
        ),
        effects=can("low blood glucose", "pancreatitis", "acute kidney injury", "long QT interval"),
    ),
    Family(
        "benzimidazole anthelmintic",
        "blocks parasite tubulin",
        (
            agent(
                "albendazole",
                also=(
                    "neurocysticercosis",
                    "echinococcosis",
                    "ascariasis",
                ),
            ),
            agent(
                "mebendazole",
                also=(
                    "enterobiasis",
                    "ascariasis",
                ),
            ),
        ),
        no("pregnancy"),
        can("hepatitis", "bone marrow suppression"),
    ),
    Family(
        "pyrazinoisoquinoline anthelmintic",
        "floods worms with calcium",
        (
            agent(
                "praziquantel",
                also=(
                    "urogenital schistosomiasis",
                    "taeniasis",
                ),
                effects=can("dizziness", "abdominal pain"),
            ),
        ),
    ),
    Family(
        "nitrothiazole antiparasitic",
        "inhibits pyruvate ferredoxin oxidoreductase",
        (
            agent(
                "nitazoxanide",
                also=(
                    "cryptosporidiosis",
                    "giardiasis",
                ),
                effects=can("yellow eyes and urine"),
            ),
        ),
    ),
    Family(
        "pyrethroid",
        "",
        (
            agent(
                "permethrin",
                also=(
                    "scabies",
                    "head lice",
                ),
            ),
        ),
        effects=can("skin irritation"),
    ),
    Family(
        "antiparasitic avermectin",
        "",
        (
            agent(
                "ivermectin",
                also=(
                    "scabies",
                    "strongyloidiasis",
                    "onchocerciasis",
                ),
            ),
        ),
        known_for=("fever and rash as microfilariae die",),
    ),
)
