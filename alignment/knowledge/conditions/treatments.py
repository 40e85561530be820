"""Treatments that the conditions of this folder need and the pharmacology does not list: procedures and rarer drugs."""

from __future__ import annotations

from alignment.knowledge.schema import GENERAL, Contraindication, Drug, DrugClass

# class: (what its members do, the members)
_KINDS = {
    "surgical removal": (
        "takes the diseased tissue out",
        ("transsphenoidal surgery", "parathyroidectomy", "surgical enucleation", "laparoscopic appendicectomy")
        + ("laparoscopic salpingectomy", "wide local excision", "surgical excision with margins"),
    ),
    "surgical repair": (
        "restores the anatomy",
        ("aortic valve replacement", "surgical reattachment", "surgical detorsion", "surgical embolectomy"),
    ),
    "drainage procedure": (
        "lets trapped air or fluid out",
        ("needle decompression", "pericardiocentesis", "endoscopic biliary drainage", "ventriculoperitoneal shunt"),
    ),
    "bloodletting": ("removes iron and red cells", ("venesection",)),
    "catheter intervention": ("reopens the blocked coronary artery", ("primary coronary angioplasty",)),
    "implanted device": ("paces the ventricle", ("permanent pacemaker",)),
    "dilation": ("tears the muscle of a tight sphincter", ("pneumatic dilation",)),
    "repositioning manoeuvre": ("moves loose otoliths out of the canal", ("Epley manoeuvre",)),
    "positive airway pressure": ("splints the pharynx open with air", ("continuous positive airway pressure",)),
    "protective ventilation": ("avoids overstretching the alveoli", ("low tidal volume ventilation",)),
    "physiotherapy": ("moves secretions up the airways", ("airway clearance physiotherapy",)),
    "exercise therapy": ("retrains pain modulation by movement", ("graded aerobic exercise",)),
    "psychotherapy": ("lets fear memories extinguish", ("trauma-focused cognitive behavioural therapy",)),
    "dietary exclusion": ("takes gliadin out of the diet", ("gluten-free diet",)),
    "restricted intake": ("lets the kidneys excrete surplus water", ("fluid restriction",)),
    "drug withdrawal": ("removes the antigen that drives the reaction", ("withdrawal of the culprit drug",)),
    "medical gas": ("raises the oxygen tension of blood", ("high-flow oxygen",)),
    "crystalloid": ("expands the circulating volume", ("isotonic saline", "lactated Ringer solution")),
    "alkali": ("supplies bicarbonate and sodium", ("sodium bicarbonate",)),
    "citrate salt": ("is metabolised to bicarbonate", ("potassium citrate",)),
    "eradication combination": ("combines acid suppression, bismuth and antibiotics", ("bismuth quadruple therapy",)),
    "combination chemotherapy": ("damages DNA and microtubules at once", ("ABVD chemotherapy",)),
    "BTK inhibitor": ("inhibits Bruton tyrosine kinase", ("zanubrutinib", "ibrutinib", "acalabrutinib")),
    "CFTR modulator": ("corrects and opens the CFTR channel", ("elexacaftor-tezacaftor-ivacaftor",)),
    "bradykinin antagonist": ("blocks the bradykinin B2 receptor", ("icatibant",)),
    "haem preparation": ("represses hepatic ALA synthase", ("hemin",)),
    "potassium channel blocker": ("prolongs depolarisation of motor nerve endings", ("amifampridine",)),
    "histamine analogue": ("widens vessels of the inner ear", ("betahistine",)),
    "vitamin C": ("reduces ferric iron without an enzyme", ("ascorbic acid",)),
    "serotonin antagonist": ("blocks 5-HT2A and H1 receptors", ("cyproheptadine",)),
    "antitoxin": ("neutralises free botulinum toxin", ("botulinum antitoxin",)),
    "antihistamine with vitamin B6": ("blocks H1 receptors in the vomiting pathway", ("doxylamine-pyridoxine",)),
    "VEGF trap": ("binds VEGF as a decoy receptor", ("aflibercept",)),
    "calcitonin": ("acts on osteoclast calcitonin receptors", ("calcitonin",)),
}
CLASSES = tuple(DrugClass(name, mechanism, GENERAL) for name, (mechanism, _) in _KINDS.items())
DRUGS = tuple(Drug(drug, name, GENERAL) for name, (_, drugs) in _KINDS.items() for drug in drugs)
DRUGS += (
    Drug("clotrimazole", "azole antifungal", GENERAL),
    Drug("paromomycin", "aminoglycoside", GENERAL),
)
_LABEL = "FDA prescribing information"
# Contraindications on which these conditions turn, beyond what the base says of its drugs.
RULED_OUT = {
    "fluconazole": (Contraindication("pregnancy", "CDC 2021"),),
    "dapsone": (Contraindication("G6PD deficiency", GENERAL),),
    "methylthioninium chloride": (Contraindication("G6PD deficiency", _LABEL),),
    "tinidazole": (Contraindication("pregnancy", _LABEL),),
    "tolvaptan": (Contraindication("severe liver failure", _LABEL),),
}
