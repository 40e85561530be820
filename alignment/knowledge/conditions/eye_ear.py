"""Conditions of the eye and the ear beyond the core."""

from alignment.knowledge.schema import GENERAL, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "acute angle-closure glaucoma",
        "eye and ear",
        decisive("stone-hard eye with a fixed mid-wide pupil", "halos and brow pain after an evening in a dark cinema")
        + shown_by("tonometry with gonioscopy", "eye pressure of 58 with a closed angle", source="AAO 2020")
        + shown_by("tonometry with gonioscopy", "iris touching the trabecular meshwork")
        + typical(
            "red painful eye", "headache", "vomiting", "blurred vision", "nausea", "light sensitivity", "facial pain"
        )
        + typical(
            "slow pulse",
        ),
        "acetazolamide",
        "AAO 2020",
        also_accepted=(
            "timolol",
            "mannitol",
            "pilocarpine",
            "laser iridotomy",
            "brimonidine",
            "latanoprost",
        ),
        aim="at once",
        ages=(50, 80),
        test="tonometry with gonioscopy",
        also_tests=("tonometry with optic disc examination",),
        mechanism="iris blocks aqueous outflow",
        difficulty=1,
    ),
    Condition(
        "primary open-angle glaucoma",
        "eye and ear",
        decisive("bumping into door frames with painless eyes", "mother and brother with slow loss of side vision")
        + shown_by(
            "tonometry with optic disc examination", "cup-to-disc ratio of 0.8 with an open angle", source="AAO 2020"
        )
        + shown_by("tonometry with optic disc examination", "arcuate field defect with a pressure of 28")
        + typical("blurred vision", "normal examination", "diabetes for years", "hypertension", "fear of falling")
        + typical("short sight", "gradual loss of vision", "anxiety"),
        "latanoprost",
        "AAO 2020",
        also_accepted=(
            "timolol",
            "selective laser trabeculoplasty",
            "brimonidine",
            "dorzolamide",
            "bimatoprost",
            "travoprost",
        )
        + ("acetazolamide", "pilocarpine"),
        ages=(50, 80),
        test="tonometry with optic disc examination",
        also_tests=("tonometry with gonioscopy",),
        mechanism="outflow resistance starves the optic nerve",
        difficulty=1,
    ),
    Condition(
        "neovascular macular degeneration",
        "eye and ear",
        decisive("straight lines that suddenly look bent", "grey blot in the centre of one eye for a week")
        + shown_by("optical coherence tomography", "fluid under the macula", source="AAO 2019")
        + shown_by("optical coherence tomography", "drusen with a leaking choroidal membrane")
        + typical("blurred vision", "smoking", "hypertension", "gradual loss of vision", "fear of falling", "low mood")
        + typical("high cholesterol"),
        "aflibercept",
        "AAO 2019",
        also_accepted=(
            "ranibizumab",
            "bevacizumab",
            "faricimab",
        ),
        aim="as an injection into the eye",
        ages=(60, 80),
        test="optical coherence tomography",
        mechanism="VEGF-driven vessels leak beneath the retina",
    ),
    Condition(
        "acute anterior uveitis",
        "eye and ear",
        decisive("small irregular pupil with redness around the iris", "ache in the other eye when light shines in one")
        + shown_by("slit-lamp examination", "cells and flare in the anterior chamber")
        + shown_by("slit-lamp examination", "keratic precipitates with a hypopyon")
        + typical("red painful eye", "light sensitivity", "blurred vision", "headache", "back pain", "joint pain")
        + typical("morning stiffness", "watery eye"),
        "prednisolone",
        GENERAL,
        also_accepted=(
            "prednisone",
            "adalimumab",
            "atropine",
            "dexamethasone",
            "methotrexate",
        ),
        aim="as eye drops",
        ages=(20, 55),
        test="slit-lamp examination",
        mechanism="immune cells break the blood-aqueous barrier",
    ),
    Condition(
        "bacterial keratitis",
        "eye and ear",
        decisive(
            "white spot on the cornea after sleeping in lenses",
            "contact lenses rinsed in tap water and a sticky sore eye",
        )
        + shown_by("corneal scraping with fluorescein", "Pseudomonas from a corneal scrape", source="AAO 2023")
        + shown_by("corneal scraping with fluorescein", "stromal infiltrate under a staining defect")
        + typical("red painful eye", "light sensitivity", "blurred vision", "watery eye", "headache", "facial pain")
        + typical("short sight", "poor sleep"),
        "levofloxacin",
        "AAO 2023",
        also_accepted=(
            "moxifloxacin",
            "ciprofloxacin",
            "ofloxacin",
            "gentamicin",
            "tobramycin",
        ),
        aim="as eye drops",
        ages=(18, 50),
        test="corneal scraping with fluorescein",
        also_tests=("slit-lamp examination",),
        mechanism="bacterial enzymes melt the corneal stroma",
    ),
    Condition(
        "rhegmatogenous retinal detachment",
        "eye and ear",
        decisive("sudden floaters, then a curtain over one eye", "flashes in the dark after cataract surgery")
        + shown_by("dilated fundus examination", "horseshoe tear with a billowing retina", source="AAO 2019")
        + shown_by("dilated fundus examination", "tobacco dust in the vitreous")
        + typical(
            "blurred vision",
            "short sight",
            "anxiety",
            "normal examination",
            "fear of falling",
            "gradual loss of vision",
        )
        + typical(
            "dizziness",
        ),
        "surgical reattachment",
        "AAO 2019",
        also_accepted=("laser photocoagulation",),
        ages=(40, 75),
        test="dilated fundus examination",
        mechanism="vitreous fluid passes through a retinal tear",
        difficulty=1,
    ),
    Condition(
        "benign paroxysmal positional vertigo",
        "eye and ear",
        decisive("spinning for seconds on rolling over in bed", "brief vertigo on looking up at a shelf")
        + shown_by("Dix-Hallpike manoeuvre", "upbeat torsional nystagmus with a delay", source="AAO-HNS 2017")
        + shown_by("Dix-Hallpike manoeuvre", "nystagmus that tires on repeated testing")
        + typical(
            "dizziness", "nausea", "unsteady walking", "vomiting", "anxiety", "fear of falling", "normal examination"
        )
        + typical(
            "headache",
        ),
        "Epley manoeuvre",
        "AAO-HNS 2017",
        ages=(45, 80),
        test="Dix-Hallpike manoeuvre",
        mechanism="loose otoliths in the posterior canal",
        difficulty=1,
    ),
    Condition(
        "Ménière disease",
        "eye and ear",
        decisive("hours of vertigo with a full, roaring ear", "hearing that sinks with each attack and half recovers")
        + shown_by("pure tone audiometry", "low-frequency sensorineural loss that fluctuates", source="AAO-HNS 2020")
        + shown_by("pure tone audiometry", "thirty-decibel loss at 250 Hz between attacks")
        + typical("dizziness", "hearing loss", "vomiting", "nausea", "unsteady walking", "anxiety", "headache")
        + typical("ringing in the ear", "fear of falling"),
        "betahistine",
        GENERAL,
        also_accepted=(
            "hydrochlorothiazide",
            "acetazolamide",
            "gentamicin",
            "dexamethasone",
            "prochlorperazine",
            "diazepam",
        )
        + ("low-salt diet",),
        aim="as a prophylactic",
        ages=(30, 65),
        test="pure tone audiometry",
        mechanism="endolymph distends the membranous labyrinth",
    ),
    Condition(
        "vestibular neuritis",
        "eye and ear",
        decisive(
            "constant vertigo for two days with normal hearing",
            "falling to one side for days after a cold with intact ears",
        )
        + shown_by("head impulse test with eye examination", "catch-up saccade with unidirectional nystagmus")
        + shown_by("head impulse test with eye examination", "reduced caloric response with no skew")
        + typical(
            "dizziness", "vomiting", "nausea", "unsteady walking", "recent viral illness", "anxiety", "fear of falling"
        )
        + typical(
            "poor sleep",
        ),
        "prochlorperazine",
        GENERAL,
        also_accepted=(
            "prednisone",
            "methylprednisolone",
            "vestibular exercises",
            "promethazine",
        ),
        aim="for the first days",
        ages=(25, 65),
        test="head impulse test with eye examination",
        mechanism="viral inflammation of the vestibular nerve",
    ),
    Condition(
        "idiopathic sudden sensorineural hearing loss",
        "eye and ear",
        decisive(
            "waking up deaf in one ear with a clean eardrum", "phone dead on the left ear overnight with a loud hum"
        )
        + shown_by("audiometry within three days", "thirty-decibel drop at three frequencies", source="AAO-HNS 2019")
        + shown_by("audiometry within three days", "flat sensorineural curve on one side only")
        + typical("hearing loss", "ringing in the ear", "dizziness", "anxiety", "recent viral illness", "poor sleep")
        + typical("unsteady walking", "normal examination"),
        "prednisolone",
        "AAO-HNS 2019",
        also_accepted=(
            "prednisone",
            "dexamethasone",
            "hyperbaric oxygen",
            "methylprednisolone",
        ),
        aim="within two weeks",
        ages=(30, 65),
        test="audiometry within three days",
        also_tests=("pure tone audiometry",),
        mechanism="unexplained injury of cochlear hair cells",
    ),
)
