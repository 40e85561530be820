"""What happens when two drugs, or drugs of two classes, meet."""

from alignment.knowledge.pharmacology.notation import LABEL
from alignment.knowledge.schema import GENERAL, Interaction


def _together(first: str, second: str, result: str, reason: str, source: str = GENERAL) -> Interaction:
    return Interaction(first, second, result, reason, source)


_BLEEDING = "bleeding"
_POTASSIUM = "dangerously high potassium"
_MUSCLE = "rhabdomyolysis"
_CYP3A4 = "CYP3A4 is inhibited, which raises the level of the second drug"

INTERACTIONS = (
    _together("phosphodiesterase 5 inhibitor", "organic nitrate", "severe hypotension", "both raise cyclic GMP", LABEL),
    _together("ACE inhibitor", "mineralocorticoid antagonist", _POTASSIUM, "both reduce potassium excretion"),
    _together("ACE inhibitor", "potassium-sparing diuretic", _POTASSIUM, "both reduce potassium excretion"),
    _together("angiotensin receptor blocker", "mineralocorticoid antagonist", _POTASSIUM, "both keep potassium"),
    _together("ACE inhibitor", "neprilysin inhibitor with ARB", "angioedema", "both slow bradykinin breakdown", LABEL),
    _together(
        "ACE inhibitor", "angiotensin receptor blocker", "acute kidney injury", "the renin system is blocked twice"
    ),
    _together("ACE inhibitor", "NSAID", "acute kidney injury", "afferent and efferent tone are lost together"),
    _together("thiazide diuretic", "NSAID", "less control of blood pressure", "NSAIDs retain sodium"),
    _together("beta blocker", "verapamil", "heart block", "both slow the AV node"),
    _together("beta blocker", "diltiazem", "heart block", "both slow the AV node"),
    _together("digoxin", "amiodarone", "digoxin toxicity", "P-glycoprotein is inhibited", LABEL),
    _together("digoxin", "verapamil", "digoxin toxicity", "P-glycoprotein is inhibited", LABEL),
    _together("digoxin", "loop diuretic", "digoxin toxicity", "low potassium increases binding to the pump"),
    _together("digoxin", "thiazide diuretic", "digoxin toxicity", "low potassium increases binding to the pump"),
    _together("amiodarone", "warfarin", _BLEEDING, "CYP2C9 is inhibited", LABEL),
    _together("amiodarone", "simvastatin", _MUSCLE, _CYP3A4, LABEL),
    _together(
        "gemfibrozil", "statin", _MUSCLE, "statin glucuronidation and uptake into the liver are inhibited", LABEL
    ),
    _together("aspirin", "warfarin", _BLEEDING, "platelets and clotting factors fail together"),
    _together("warfarin", "NSAID", _BLEEDING, "platelets are inhibited and the stomach is injured"),
    _together("factor Xa inhibitor", "NSAID", _BLEEDING, "platelets are inhibited and the stomach is injured"),
    _together("clopidogrel", "omeprazole", "stent thrombosis", "CYP2C19 no longer activates the prodrug", LABEL),
    _together("loop diuretic", "lithium", "lithium toxicity", "sodium loss increases lithium reabsorption"),
    _together("thiazide diuretic", "lithium", "lithium toxicity", "sodium loss increases lithium reabsorption", LABEL),
    _together("ACE inhibitor", "lithium", "lithium toxicity", "lithium clearance falls", LABEL),
    _together("bosentan", "combined hormonal contraceptive", "contraceptive failure", "CYP3A4 is induced", LABEL),
)
