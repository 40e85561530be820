"""What happens when two drugs, or drugs of two classes, meet.

Grouped by what goes wrong. A row is (first, second, result, reason); rows of `_LABELLED` stand in the prescribing
information of at least one of the two, the others are general knowledge.
"""

from alignment.knowledge.pharmacology.notation import LABEL
from alignment.knowledge.schema import GENERAL, Interaction

_RAISED = "its breakdown by CYP3A4 is inhibited"
_INDUCED = "its breakdown is induced"
_BOUND = "it is bound in the gut and not absorbed"
_NO_ACID = "it needs stomach acid to be absorbed"
_POTASSIUM_KEPT = "both reduce potassium excretion"
_SEROTONIN = "both raise serotonin"
_QT = "both prolong repolarisation"

_BLEEDING = "bleeding"
_POTASSIUM = "dangerously high potassium"
_MUSCLE = "rhabdomyolysis"
_KIDNEY = "acute kidney injury"
_MARROW = "bone marrow suppression"
_TORSADES = "torsades de pointes"
_SYNDROME = "serotonin syndrome"
_SEDATION = "respiratory depression"
_DIGOXIN = "digoxin toxicity"
_LITHIUM = "lithium toxicity"
_CONTRACEPTION = "contraceptive failure"
_LOW_GLUCOSE = "severe low blood glucose"
_BLOCK = "heart block"
_CLOT = "thrombosis for lack of anticoagulation"
_PRESSURE = "severe hypotension"
_CRISIS = "hypertensive crisis"
_NO_EFFECT = "loss of effect"

_LABELLED = (
    # Heart, vessels and kidneys.
    ("phosphodiesterase 5 inhibitor", "organic nitrate", _PRESSURE, "both raise cyclic GMP"),
    ("phosphodiesterase 5 inhibitor", "alpha blocker", _PRESSURE, "both widen vessels"),
    ("ACE inhibitor", "neprilysin inhibitor with ARB", "angioedema", "both slow the breakdown of bradykinin"),
    ("ACE inhibitor", "lithium", _LITHIUM, "lithium clearance falls"),
    ("thiazide diuretic", "lithium", _LITHIUM, "sodium loss increases lithium reabsorption"),
    ("NSAID", "lithium", _LITHIUM, "renal prostaglandins that clear lithium are lost"),
    ("digoxin", "amiodarone", _DIGOXIN, "P-glycoprotein is inhibited"),
    ("digoxin", "verapamil", _DIGOXIN, "P-glycoprotein is inhibited"),
    ("digoxin", "macrolide", _DIGOXIN, "P-glycoprotein is inhibited and gut bacteria are killed"),
    ("digoxin", "dronedarone", _DIGOXIN, "P-glycoprotein is inhibited strongly"),
    ("amiodarone", "sofosbuvir", "extreme bradycardia", "an unexplained effect on the sinus node"),
    ("ivabradine", "azole antifungal", "excessive bradycardia", _RAISED),
    ("ranolazine", "azole antifungal", _TORSADES, _RAISED),
    ("eplerenone", "itraconazole", _POTASSIUM, _RAISED),
    ("aminoglycoside", "loop diuretic", "hearing loss", "both damage the hair cells"),
    ("tolvaptan", "azole antifungal", "overcorrection of sodium", _RAISED),
    # Clotting.
    ("amiodarone", "warfarin", _BLEEDING, "CYP2C9 is inhibited"),
    ("warfarin", "fluconazole", _BLEEDING, "CYP2C9 is inhibited"),
    ("warfarin", "metronidazole", _BLEEDING, "CYP2C9 is inhibited"),
    ("warfarin", "co-trimoxazole", _BLEEDING, "CYP2C9 is inhibited"),
    ("warfarin", "rifampicin", _CLOT, _INDUCED),
    ("capecitabine", "warfarin", _BLEEDING, "CYP2C9 is inhibited"),
    ("clopidogrel", "omeprazole", "stent thrombosis", "CYP2C19 no longer activates the prodrug"),
    ("factor Xa inhibitor", "rifampicin", _CLOT, "CYP3A4 and P-glycoprotein are induced"),
    ("dabigatran", "rifampicin", "thrombosis", "P-glycoprotein is induced"),
    # Muscle, fat and gout.
    ("gemfibrozil", "statin", _MUSCLE, "uptake of the statin into the liver is inhibited"),
    ("simvastatin", "amiodarone", _MUSCLE, _RAISED),
    ("simvastatin", "clarithromycin", _MUSCLE, _RAISED),
    ("simvastatin", "erythromycin", _MUSCLE, _RAISED),
    ("simvastatin", "itraconazole", _MUSCLE, _RAISED),
    ("simvastatin", "HIV protease inhibitor", _MUSCLE, _RAISED),
    ("simvastatin", "verapamil", _MUSCLE, _RAISED),
    ("ciclosporin", "simvastatin", _MUSCLE, "hepatic uptake and breakdown of the statin are inhibited"),
    ("atorvastatin", "clarithromycin", _MUSCLE, _RAISED),
    ("atorvastatin", "itraconazole", _MUSCLE, _RAISED),
    ("ciclosporin", "atorvastatin", _MUSCLE, "hepatic uptake and breakdown of the statin are inhibited"),
    ("colchicine", "statin", _MUSCLE, "both injure muscle"),
    ("nicotinic acid", "statin", _MUSCLE, "both injure muscle"),
    ("colchicine", "clarithromycin", "fatal pancytopenia", "CYP3A4 and P-glycoprotein are inhibited"),
    ("allopurinol", "azathioprine", _MARROW, "xanthine oxidase no longer removes mercaptopurine"),
    ("allopurinol", "mercaptopurine", _MARROW, "xanthine oxidase no longer removes it"),
    ("febuxostat", "azathioprine", _MARROW, "xanthine oxidase no longer removes mercaptopurine"),
    ("probenecid", "ketorolac", "ketorolac toxicity", "its renal secretion is blocked"),
    # Nerves and mind.
    ("monoamine oxidase inhibitor", "SSRI", _SYNDROME, _SEROTONIN),
    ("monoamine oxidase inhibitor", "SNRI", _SYNDROME, _SEROTONIN),
    ("monoamine oxidase inhibitor", "pethidine", _SYNDROME, _SEROTONIN),
    ("monoamine oxidase inhibitor", "tramadol", _SYNDROME, _SEROTONIN),
    ("monoamine oxidase inhibitor", "tricyclic antidepressant", _SYNDROME, _SEROTONIN),
    ("MAO-B inhibitor", "pethidine", _SYNDROME, _SEROTONIN),
    ("monoamine oxidase inhibitor", "bupropion", _CRISIS, "both raise noradrenaline"),
    ("monoamine oxidase inhibitor", "psychostimulant", _CRISIS, "released noradrenaline is not broken down"),
    ("monoamine oxidase inhibitor", "atomoxetine", _CRISIS, "both raise noradrenaline"),
    ("linezolid", "SSRI", _SYNDROME, "linezolid inhibits monoamine oxidase"),
    ("methylthioninium chloride", "SSRI", _SYNDROME, "it inhibits monoamine oxidase A strongly"),
    ("SSRI", "tramadol", _SYNDROME, _SEROTONIN),
    ("triptan", "ergot alkaloid", "prolonged vasospasm", "both constrict vessels through 5-HT1B receptors"),
    ("long-acting benzodiazepine", "opioid", _SEDATION, "both depress the respiratory centre"),
    ("short-acting benzodiazepine", "opioid", _SEDATION, "both depress the respiratory centre"),
    ("gabapentinoid", "opioid", _SEDATION, "both depress the respiratory centre"),
    ("short-acting benzodiazepine", "partial opioid agonist", _SEDATION, "both depress the respiratory centre"),
    ("naltrexone", "opioid", "acute opioid withdrawal", "mu-opioid receptors are blocked"),
    ("midazolam", "HIV protease inhibitor", "prolonged sedation", _RAISED),
    ("midazolam", "azole antifungal", "prolonged sedation", _RAISED),
    ("flumazenil", "tricyclic antidepressant", "seizures", "protection by benzodiazepines is lost"),
    ("valproate", "lamotrigine", "Stevens-Johnson syndrome", "glucuronidation of lamotrigine is inhibited"),
    ("valproate", "carbapenem", "breakthrough seizures", "carbapenems lower the level of valproate"),
    ("valproate", "topiramate", "encephalopathy from raised ammonia", "both disturb the urea cycle"),
    ("carbamazepine", "macrolide", "carbamazepine toxicity", _RAISED),
    ("ergot alkaloid", "macrolide", "gangrene of the limbs", _RAISED),
    ("ergot alkaloid", "HIV protease inhibitor", "gangrene of the limbs", _RAISED),
    ("disulfiram", "metronidazole", "acute psychosis", "dopamine accumulates in the brain"),
    ("theophylline", "ciprofloxacin", "theophylline toxicity", "CYP1A2 is inhibited"),
    ("theophylline", "fluvoxamine", "theophylline toxicity", "CYP1A2 is inhibited"),
    ("clozapine", "fluvoxamine", "clozapine toxicity", "CYP1A2 is inhibited"),
    ("clozapine", "ciprofloxacin", "clozapine toxicity", "CYP1A2 is inhibited"),
    # Infection and hormones.
    ("rifampicin", "combined hormonal contraceptive", _CONTRACEPTION, _INDUCED),
    ("bosentan", "combined hormonal contraceptive", _CONTRACEPTION, _INDUCED),
    ("carbamazepine", "combined hormonal contraceptive", _CONTRACEPTION, _INDUCED),
    ("rifampicin", "HIV protease inhibitor", "failure of HIV treatment", _INDUCED),
    ("rifampicin", "bedaquiline", "failure of tuberculosis treatment", _INDUCED),
    ("rilpivirine", "proton pump inhibitor", "failure of HIV treatment", _NO_ACID),
    ("atazanavir", "proton pump inhibitor", "failure of HIV treatment", _NO_ACID),
    ("dolutegravir", "metformin", "raised metformin level", "renal OCT2 is inhibited"),
    ("dolutegravir", "oral iron", "failure of HIV treatment", _BOUND),
    ("ganciclovir", "zidovudine", _MARROW, "both suppress the bone marrow"),
    ("gemfibrozil", "repaglinide", _LOW_GLUCOSE, "CYP2C8 is inhibited"),
    ("insulin", "thiazolidinedione", "heart failure", "both retain fluid"),
    ("isotretinoin", "tetracycline", "intracranial hypertension", "each can cause it alone"),
    ("acitretin", "methotrexate", "hepatitis", "both injure the liver"),
    ("orlistat", "ciclosporin", "transplant rejection", "less of it is absorbed"),
    ("orlistat", "levothyroxine", "hypothyroidism", "less of it is absorbed"),
    ("oxytocin", "misoprostol", "uterine hyperstimulation", "both contract the uterus"),
    # Immunity and cancer.
    ("methotrexate", "NSAID", "methotrexate toxicity", "its renal clearance falls"),
    ("methotrexate", "proton pump inhibitor", "methotrexate toxicity", "its renal clearance falls"),
    ("methotrexate", "co-trimoxazole", "pancytopenia", "folate is blocked twice"),
    ("vincristine", "itraconazole", "severe neuropathy", _RAISED),
    ("trastuzumab", "anthracycline", "cardiomyopathy", "both injure the heart muscle"),
    ("leflunomide", "methotrexate", "hepatitis", "both injure the liver"),
    ("ciclosporin", "azole antifungal", "ciclosporin toxicity", _RAISED),
    ("ciclosporin", "rifampicin", "transplant rejection", _INDUCED),
    ("tacrolimus", "azole antifungal", "tacrolimus toxicity", _RAISED),
    ("tacrolimus", "clarithromycin", "tacrolimus toxicity", _RAISED),
    ("nirmatrelvir-ritonavir", "tacrolimus", "tacrolimus toxicity", _RAISED),
    ("nirmatrelvir-ritonavir", "simvastatin", _MUSCLE, _RAISED),
)

_KNOWN = (
    # Potassium, kidneys and rhythm.
    ("ACE inhibitor", "mineralocorticoid antagonist", _POTASSIUM, _POTASSIUM_KEPT),
    ("ACE inhibitor", "potassium-sparing diuretic", _POTASSIUM, _POTASSIUM_KEPT),
    ("angiotensin receptor blocker", "mineralocorticoid antagonist", _POTASSIUM, _POTASSIUM_KEPT),
    ("ACE inhibitor", "co-trimoxazole", _POTASSIUM, "trimethoprim acts like amiloride"),
    ("spironolactone", "co-trimoxazole", _POTASSIUM, "trimethoprim acts like amiloride"),
    ("calcineurin inhibitor", "potassium-sparing diuretic", _POTASSIUM, _POTASSIUM_KEPT),
    ("ACE inhibitor", "angiotensin receptor blocker", _KIDNEY, "the renin system is blocked twice"),
    ("ACE inhibitor", "NSAID", _KIDNEY, "the afferent arteriole narrows as the efferent widens"),
    ("angiotensin receptor blocker", "NSAID", _KIDNEY, "the afferent arteriole narrows as the efferent widens"),
    ("aminoglycoside", "vancomycin", _KIDNEY, "both injure the tubules"),
    ("cisplatin", "aminoglycoside", _KIDNEY, "both injure the tubules"),
    ("amphotericin B", "calcineurin inhibitor", _KIDNEY, "both constrict renal vessels"),
    ("tenofovir", "NSAID", _KIDNEY, "both injure the tubules"),
    ("thiazide diuretic", "NSAID", "loss of blood pressure control", "NSAIDs retain sodium"),
    ("loop diuretic", "lithium", _LITHIUM, "sodium loss increases lithium reabsorption"),
    ("angiotensin receptor blocker", "lithium", _LITHIUM, "lithium clearance falls"),
    ("digoxin", "loop diuretic", _DIGOXIN, "low potassium increases binding to the pump"),
    ("digoxin", "thiazide diuretic", _DIGOXIN, "low potassium increases binding to the pump"),
    ("digoxin", "quinine", _DIGOXIN, "P-glycoprotein is inhibited"),
    ("digoxin", "amphotericin B", _DIGOXIN, "low potassium increases binding to the pump"),
    ("beta blocker", "verapamil", _BLOCK, "both slow the AV node"),
    ("beta blocker", "diltiazem", _BLOCK, "both slow the AV node"),
    ("beta blocker", "clonidine", "rebound hypertension", "alpha receptors are unopposed when clonidine stops"),
    ("propranolol", "adrenaline", "hypertension with reflex bradycardia", "alpha receptors are unopposed"),
    ("propranolol", "short-acting beta agonist", "loss of bronchodilation", "beta-2 receptors are blocked"),
    ("beta blocker", "insulin", "unnoticed low blood glucose", "tremor and palpitations are blunted"),
    ("metoprolol", "paroxetine", "slow pulse", "CYP2D6 is inhibited"),
    ("sotalol", "thiazide diuretic", _TORSADES, "low potassium prolongs repolarisation further"),
    ("class III antiarrhythmic", "fluoroquinolone", _TORSADES, _QT),
    ("class III antiarrhythmic", "macrolide", _TORSADES, _QT),
    ("haloperidol", "class III antiarrhythmic", _TORSADES, _QT),
    ("ondansetron", "haloperidol", _TORSADES, _QT),
    ("methadone", "fluoroquinolone", _TORSADES, _QT),
    ("hydroxychloroquine", "macrolide", _TORSADES, _QT),
    ("bedaquiline", "moxifloxacin", _TORSADES, _QT),
    ("magnesium sulfate", "nifedipine", _PRESSURE, "both block calcium entry"),
    ("corticosteroid", "loop diuretic", "low potassium", "both waste potassium"),
    ("short-acting beta agonist", "loop diuretic", "low potassium", "one shifts and one wastes potassium"),
    # Bleeding and clotting.
    ("aspirin", "warfarin", _BLEEDING, "platelets and clotting factors fail together"),
    ("warfarin", "NSAID", _BLEEDING, "platelets fail and the stomach is injured"),
    ("factor Xa inhibitor", "NSAID", _BLEEDING, "platelets fail and the stomach is injured"),
    ("factor Xa inhibitor", "P2Y12 inhibitor", _BLEEDING, "platelets and clotting factors fail together"),
    ("rivaroxaban", "azole antifungal", _BLEEDING, "CYP3A4 and P-glycoprotein are inhibited"),
    ("dabigatran", "verapamil", _BLEEDING, "P-glycoprotein is inhibited"),
    ("SSRI", "NSAID", _BLEEDING, "platelets lack serotonin and the stomach is injured"),
    ("SSRI", "warfarin", _BLEEDING, "platelets lack serotonin"),
    ("warfarin", "macrolide", _BLEEDING, "warfarin breakdown is inhibited"),
    ("warfarin", "fluoroquinolone", _BLEEDING, "vitamin K of gut bacteria is lost"),
    ("warfarin", "carbamazepine", _CLOT, _INDUCED),
    ("warfarin", "phytomenadione", _CLOT, "the blocked cycle is bypassed"),
    ("corticosteroid", "NSAID", "peptic ulcer bleeding", "both weaken the gastric mucosa"),
    ("aspirin", "ibuprofen", "loss of protection of the heart", "ibuprofen bars aspirin from platelet cyclo-oxygenase"),
    # Nerves and mind.
    ("SSRI", "triptan", _SYNDROME, _SEROTONIN),
    ("lithium", "SSRI", _SYNDROME, "lithium enhances serotonin signalling"),
    ("SSRI", "tricyclic antidepressant", "tricyclic toxicity", "CYP2D6 is inhibited"),
    ("SSRI", "desmopressin", "severe low sodium", "both keep water"),
    ("SSRI", "thiazide diuretic", "severe low sodium", "one keeps water and one loses sodium"),
    ("tamoxifen", "paroxetine", "recurrence of breast cancer", "CYP2D6 no longer activates the prodrug"),
    ("codeine", "paroxetine", "loss of pain relief", "CYP2D6 no longer makes morphine"),
    ("partial opioid agonist", "opioid", "acute opioid withdrawal", "full agonists are displaced"),
    ("barbiturate", "opioid", _SEDATION, "both depress the respiratory centre"),
    ("levodopa-carbidopa", "first-generation antipsychotic", "worse parkinsonism", "dopamine receptors are blocked"),
    ("levodopa-carbidopa", "metoclopramide", "worse parkinsonism", "dopamine receptors are blocked"),
    ("levodopa-carbidopa", "oral iron", _NO_EFFECT, _BOUND),
    ("metoclopramide", "first-generation antipsychotic", "severe extrapyramidal reaction", "both block D2 receptors"),
    ("central cholinesterase inhibitor", "bladder antimuscarinic", _NO_EFFECT, "the two oppose each other"),
    ("phenytoin", "isoniazid", "phenytoin toxicity", "CYP2C9 and CYP2C19 are inhibited"),
    ("phenytoin", "fluconazole", "phenytoin toxicity", "CYP2C9 is inhibited"),
    ("phenytoin", "combined hormonal contraceptive", _CONTRACEPTION, _INDUCED),
    ("lamotrigine", "combined hormonal contraceptive", "breakthrough seizures", "glucuronidation is induced"),
    ("clozapine", "carbamazepine", "agranulocytosis", "both suppress granulocytes"),
    ("theophylline", "macrolide", "theophylline toxicity", "its breakdown is inhibited"),
    ("theophylline", "cimetidine", "theophylline toxicity", "its breakdown is inhibited"),
    ("methadone", "rifampicin", "opioid withdrawal", _INDUCED),
    ("methadone", "efavirenz", "opioid withdrawal", _INDUCED),
    ("non-depolarising muscle relaxant", "aminoglycoside", "prolonged paralysis", "both reduce acetylcholine release"),
    ("non-depolarising muscle relaxant", "magnesium sulfate", "prolonged paralysis", "acetylcholine release falls"),
    ("suxamethonium", "neostigmine", "prolonged paralysis", "plasma cholinesterase is inhibited"),
    # Glands, gut and infection.
    ("sulfonylurea", "fluconazole", _LOW_GLUCOSE, "CYP2C9 is inhibited"),
    ("sulfonylurea", "co-trimoxazole", _LOW_GLUCOSE, "CYP2C9 is inhibited"),
    ("insulin", "corticosteroid", "raised glucose", "corticosteroids make tissues resistant to insulin"),
    ("fluticasone", "ritonavir", "Cushing syndrome with adrenal suppression", _RAISED),
    ("levothyroxine", "oral iron", "hypothyroidism", _BOUND),
    ("levothyroxine", "proton pump inhibitor", "hypothyroidism", _NO_ACID),
    ("levothyroxine", "bile acid sequestrant", "hypothyroidism", _BOUND),
    ("tetracycline", "oral iron", "failure of the antibiotic", _BOUND),
    ("fluoroquinolone", "oral iron", "failure of the antibiotic", _BOUND),
    ("fluoroquinolone", "mucosal protectant", "failure of the antibiotic", _BOUND),
    ("itraconazole", "proton pump inhibitor", "failure of the antifungal", _NO_ACID),
    ("rifampicin", "azole antifungal", "failure of the antifungal", _INDUCED),
    ("rifampicin", "corticosteroid", "loss of the steroid's effect", _INDUCED),
    ("isoniazid", "rifampicin", "hepatitis", "a toxic metabolite of isoniazid is induced"),
    ("probenecid", "penicillin", "raised penicillin level", "its renal secretion is blocked"),
    ("probenecid", "aspirin", "loss of the uricosuric effect", "salicylate blocks urate secretion"),
    ("ribavirin", "zidovudine", "severe anaemia", "both injure red cell precursors"),
    ("daptomycin", "statin", _MUSCLE, "both injure muscle"),
    ("polymyxin", "aminoglycoside", _KIDNEY, "both injure the tubules"),
    ("mefloquine", "quinine", "seizures", "both lower the seizure threshold"),
    ("trimethoprim", "methotrexate", "pancytopenia", "folate is blocked twice"),
    ("everolimus", "ACE inhibitor", "angioedema", "both slow the breakdown of vasoactive peptides"),
    ("DPP-4 inhibitor", "ACE inhibitor", "angioedema", "both slow the breakdown of substance P"),
    ("erlotinib", "proton pump inhibitor", "failure of the cancer treatment", _NO_ACID),
)

INTERACTIONS = tuple(Interaction(*row, LABEL) for row in _LABELLED) + tuple(
    Interaction(*row, GENERAL) for row in _KNOWN
)
