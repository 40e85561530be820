"""Conditions of the skin and allergic conditions beyond the core."""

from alignment.knowledge.schema import GENERAL, Alternative, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "plaque psoriasis",
        "dermatology and allergy",
        decisive("silvery scales on elbows and knees", "new plaques along an old scratch")
        + shown_by("skin biopsy", "neutrophil microabscesses of the horny layer")
        + shown_by("skin biopsy", "club-shaped rete ridges with parakeratosis")
        + typical("itching", "dry skin", "rash", "obesity", "joint pain", "low mood", "smoking", "nail pitting"),
        "calcipotriol",
        "NICE CG153",
        also_accepted=(
            "methotrexate",
            "adalimumab",
            "ciclosporin",
            "hydrocortisone",
            "betamethasone",
            "ustekinumab",
            "secukinumab",
            "apremilast",
            "etanercept",
            "acitretin",
        ),
        aim="for limited disease, together with a topical steroid",
        ages=(20, 65),
        test="skin biopsy",
        mechanism="IL-17 drives keratinocyte turnover",
        difficulty=1,
    ),
    Condition(
        "bullous pemphigoid",
        "dermatology and allergy",
        decisive("tense blisters on itchy wheals in old age", "bullae that do not spread on pressure")
        + shown_by(
            "skin biopsy with immunofluorescence", "linear IgG at the dermo-epidermal junction", source="EADV 2022"
        )
        + shown_by("skin biopsy with immunofluorescence", "antibodies to BP180")
        + typical(
            "itching", "rash", "raised eosinophils", "poor sleep", "memory loss", "unsteady walking", "skin blisters"
        )
        + typical("scratch marks"),
        "clobetasol",
        "EADV 2022",
        also_accepted=(
            "prednisone",
            "doxycycline",
            "methotrexate",
            "azathioprine",
            "dupilumab",
            "mycophenolate",
            "betamethasone",
        ),
        aim="as a cream",
        ages=(65, 80),
        test="skin biopsy with immunofluorescence",
        mechanism="autoantibodies to hemidesmosomes",
    ),
    Condition(
        "pemphigus vulgaris",
        "dermatology and allergy",
        decisive("flaccid blisters that spread when pushed", "mouth erosions for months before the skin peels")
        + shown_by(
            "perilesional biopsy with immunofluorescence", "net-like IgG between keratinocytes", source="EADV 2020"
        )
        + shown_by("perilesional biopsy with immunofluorescence", "antibodies to desmoglein 3", source="EADV 2020")
        + typical("mouth ulcers", "trouble swallowing", "weight loss", "rash", "fatigue", "skin blisters", "low mood")
        + typical(
            "hoarse voice",
        ),
        "rituximab",
        "EADV 2020",
        also_accepted=(
            "prednisone",
            "azathioprine",
            "mycophenolate",
            "methylprednisolone",
            "intravenous immunoglobulin",
            "cyclophosphamide",
        ),
        aim="together with steroids",
        ages=(40, 65),
        test="perilesional biopsy with immunofluorescence",
        also_tests=("skin biopsy with immunofluorescence",),
        mechanism="autoantibodies unglue keratinocytes",
    ),
    Condition(
        "papulopustular rosacea",
        "dermatology and allergy",
        decisive("red nose and cheeks that flare with wine and sun", "facial pustules without a single comedo")
        + shown_by("skin surface biopsy", "many Demodex mites a square centimetre")
        + shown_by("skin surface biopsy", "follicular mites with perivascular inflammation")
        + typical("rash", "dry eyes", "light sensitivity", "low mood", "red painful eye")
        + typical("anxiety", "facial pain"),
        "ivermectin",
        "National Rosacea Society 2020",
        also_accepted=(
            "topical metronidazole",
            "azelaic acid",
            "doxycycline",
            "metronidazole",
            "isotretinoin",
        ),
        aim="as a cream",
        ages=(30, 60),
        test="skin surface biopsy",
        mechanism="overactive innate immunity to skin mites",
        difficulty=1,
    ),
    Condition(
        "dermatitis herpetiformis",
        "dermatology and allergy",
        decisive("grouped itchy vesicles on elbows and buttocks", "blistering itch that iodine in seafood sets off")
        + shown_by("biopsy of normal-looking skin", "granular IgA in the dermal papillae")
        + shown_by("biopsy of normal-looking skin", "antibodies to epidermal transglutaminase with IgA granules")
        + typical("itching", "rash", "bloating", "scratch marks", "watery diarrhoea", "fatigue", "skin blisters")
        + typical("low ferritin stores", "poor sleep"),
        "dapsone",
        GENERAL,
        (Alternative("G6PD deficiency", "gluten-free diet", GENERAL),),
        also_accepted=("gluten-free diet", "sulfasalazine", "colchicine"),
        aim="for quick relief of itch",
        ages=(20, 55),
        test="biopsy of normal-looking skin",
        mechanism="IgA to epidermal transglutaminase draws neutrophils",
        difficulty=3,
    ),
    Condition(
        "anaphylaxis",
        "dermatology and allergy",
        decisive("hives and stridor minutes after a wasp sting", "swollen tongue and collapse after a peanut")
        + shown_by("timed serum tryptase", "tryptase of 38 two hours after collapse", source="WAO 2020")
        + shown_by("timed serum tryptase", "fourfold rise of tryptase after a sting")
        + typical(
            "wheeze", "low blood pressure", "fast pulse", "itching", "breathlessness at rest", "vomiting", "dizziness"
        )
        + typical("rash", "anxiety", "abdominal pain", "fainting"),
        "adrenaline",
        "WAO 2020",
        also_accepted=(),
        aim="into the thigh muscle",
        ages=(18, 70),
        test="timed serum tryptase",
        mechanism="IgE-triggered mast cell degranulation",
        difficulty=1,
    ),
    Condition(
        "hereditary angioedema",
        "dermatology and allergy",
        decisive(
            "swollen lips without hives since puberty, as in father and aunt",
            "belly attacks and hand swelling that antihistamines do not touch",
        )
        + shown_by("C4 and C1 inhibitor levels", "low C4 between attacks", source="WAO/EAACI 2021")
        + shown_by("C4 and C1 inhibitor levels", "C1 inhibitor at a tenth of normal", source="WAO/EAACI 2021")
        + typical("abdominal pain", "vomiting", "hoarse voice", "anxiety", "normal examination", "trouble swallowing")
        + typical("fatigue", "nausea", "low blood pressure"),
        "icatibant",
        "WAO/EAACI 2021",
        also_accepted=("C1 inhibitor concentrate", "ecallantide", "lanadelumab", "danazol", "tranexamic acid"),
        aim="for an attack",
        ages=(18, 45),
        test="C4 and C1 inhibitor levels",
        mechanism="unchecked kallikrein releases bradykinin",
    ),
    Condition(
        "chronic spontaneous urticaria",
        "dermatology and allergy",
        decisive("wheals that come and go within a day for three months", "itchy weals every evening without a trigger")
        + shown_by("urticaria activity score", "weekly urticaria activity score of 30", source="EAACI 2021")
        + shown_by("urticaria activity score", "positive autologous serum test with daily weals")
        + typical("itching", "rash", "poor sleep", "low mood", "anxiety", "normal examination", "fatigue", "headache")
        + typical("scratch marks"),
        "cetirizine",
        "EAACI 2021",
        also_accepted=(
            "loratadine",
            "fexofenadine",
            "desloratadine",
            "levocetirizine",
            "omalizumab",
            "famotidine",
            "bilastine",
        ),
        ages=(20, 50),
        test="urticaria activity score",
        mechanism="autoantibodies make skin mast cells leak histamine",
        difficulty=1,
    ),
    Condition(
        "cutaneous melanoma",
        "dermatology and allergy",
        decisive(
            "mole with three colours that doubled in a year", "black irregular patch that bleeds on a sunburnt back"
        )
        + shown_by("excision biopsy of the skin lesion", "atypical melanocytes 1.8 mm deep", source="AAD 2019")
        + shown_by("excision biopsy of the skin lesion", "BRAF V600E with pagetoid melanocytes")
        + typical("itching", "anxiety", "fair skin", "swollen groin glands", "sunburn in childhood")
        + typical("poor sleep", "low mood"),
        "wide local excision",
        "AAD 2019",
        also_accepted=("pembrolizumab", "nivolumab", "dabrafenib with trametinib", "ipilimumab", "vemurafenib"),
        ages=(30, 80),
        test="excision biopsy of the skin lesion",
        mechanism="mutant MAP kinase drives pigment cells",
        difficulty=1,
    ),
    Condition(
        "nodular basal cell carcinoma",
        "dermatology and allergy",
        decisive(
            "pearly nodule with fine vessels beside the nose", "sore with a rolled edge that never heals on the temple"
        )
        + shown_by("punch biopsy of the nodule", "palisading basaloid nests", source="AAD 2018")
        + shown_by("punch biopsy of the nodule", "clefts around basaloid islands")
        + typical("fair skin", "sunburn in childhood", "itching", "anxiety", "skin ulcer")
        + typical("low mood", "poor sleep"),
        "surgical excision with margins",
        "AAD 2018",
        also_accepted=("vismodegib", "imiquimod", "wide local excision", "fluorouracil"),
        ages=(50, 80),
        test="punch biopsy of the nodule",
        mechanism="hedgehog pathway runs unchecked in the epidermis",
        difficulty=1,
    ),
    Condition(
        "pyoderma gangrenosum",
        "dermatology and allergy",
        decisive("violet undermined ulcer that grew after debridement", "rapid leg ulcer in a patient with colitis")
        + shown_by(
            "biopsy of the ulcer edge with cultures", "sterile neutrophil infiltrate", source="Delphi criteria 2018"
        )
        + shown_by("biopsy of the ulcer edge with cultures", "cribriform scars with negative cultures")
        + typical(
            "leg ulcers", "leg pain", "joint pain", "fever", "raised CRP", "skin ulcer", "fatigue", "watery diarrhoea"
        )
        + typical("raised white cells"),
        "prednisone",
        GENERAL,
        (Alternative("steroid psychosis", "ciclosporin", GENERAL),),
        also_accepted=(
            "infliximab",
            "adalimumab",
            "methylprednisolone",
            "tacrolimus",
            "clobetasol",
            "mycophenolate",
            "dapsone",
            "azathioprine",
        ),
        ages=(25, 65),
        test="biopsy of the ulcer edge with cultures",
        mechanism="sterile neutrophils dissolve the dermis",
        difficulty=3,
    ),
)
