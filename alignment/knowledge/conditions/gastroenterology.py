"""Conditions of the gut, the liver and the pancreas beyond the core."""

from alignment.knowledge.schema import GENERAL, Condition, decisive, shown_by, typical

CONDITIONS = (
    Condition(
        "ileal Crohn disease",
        "gastroenterology",
        decisive("draining fistula beside the anus", "tender mass in the right groin with mouth ulcers and diarrhoea")
        + shown_by("ileocolonoscopy with biopsy", "skip lesions with cobblestone mucosa", source="ECCO 2024")
        + shown_by("ileocolonoscopy with biopsy", "transmural inflammation with granulomas of the ileum")
        + typical("abdominal pain", "weight loss", "fatigue", "raised CRP", "mild fever", "mouth ulcers")
        + typical("watery diarrhoea", "low haemoglobin", "joint pain", "raised faecal calprotectin"),
        "budesonide",
        "ECCO 2024",
        also_accepted=("prednisone", "infliximab", "adalimumab", "azathioprine", "vedolizumab", "methotrexate")
        + ("ustekinumab", "hydrocortisone"),
        aim="to induce remission of mild to moderate disease",
        ages=(18, 45),
        test="ileocolonoscopy with biopsy",
        mechanism="transmural granulomatous inflammation of the gut",
    ),
    Condition(
        "coeliac disease",
        "gastroenterology",
        decisive("bloating after every slice of bread", "itchy blisters on the elbows with loose stools")
        + shown_by("tissue transglutaminase IgA", "raised tissue transglutaminase IgA", source="ACG 2023")
        + shown_by("tissue transglutaminase IgA", "flat duodenal villi after a positive serology")
        + typical("watery diarrhoea", "weight loss", "fatigue", "low haemoglobin", "bloating", "abdominal pain")
        + typical("mouth ulcers", "low ferritin stores", "infertility"),
        "gluten-free diet",
        "ACG 2023",
        ages=(18, 60),
        test="tissue transglutaminase IgA",
        also_tests=("upper endoscopy",),
        mechanism="T-cell response to gliadin flattens the villi",
        difficulty=1,
    ),
    Condition(
        "achalasia",
        "gastroenterology",
        decisive("trouble swallowing water as much as bread", "undigested food on the pillow")
        + shown_by("oesophageal manometry", "lower sphincter that does not relax", source="ACG 2020")
        + shown_by("oesophageal manometry", "absent peristalsis above a tight sphincter")
        + typical("trouble swallowing", "weight loss", "night-time cough", "chest pain", "vomiting")
        + typical("recurrent chest infections", "bird's-beak barium swallow", "hoarse voice"),
        "pneumatic dilation",
        "ACG 2020",
        also_accepted=("botulinum toxin", "peroral endoscopic myotomy", "isosorbide dinitrate", "diltiazem"),
        ages=(25, 65),
        test="oesophageal manometry",
        also_tests=("upper endoscopy",),
        mechanism="loss of inhibitory neurons of the oesophagus",
    ),
    Condition(
        "eosinophilic oesophagitis",
        "gastroenterology",
        decisive("steak stuck in the gullet of a hay fever sufferer", "always the last at table, chewing for minutes")
        + shown_by("upper endoscopy", "sixty eosinophils a field in the oesophagus", source="ACG 2025")
        + shown_by("upper endoscopy", "rings and furrows of the oesophagus")
        + typical("trouble swallowing", "childhood eczema", "chest pain", "night-time cough", "weight loss")
        + typical("upper abdominal pain", "vomiting", "raised eosinophils"),
        "budesonide",
        "ACG 2025",
        also_accepted=(
            "omeprazole",
            "dupilumab",
            "fluticasone",
            "prednisone",
        ),
        aim="as orodispersible tablets",
        ages=(18, 45),
        test="upper endoscopy",
        mechanism="type 2 inflammation of the oesophageal lining",
    ),
    Condition(
        "Helicobacter pylori ulcer",
        "gastroenterology",
        decisive("gnawing pain that food relieves", "pain waking him at two that milk settles")
        + shown_by("urea breath test", "positive urea breath test", source="ACG 2024")
        + shown_by("urea breath test", "Helicobacter antigen in stool")
        + typical("upper abdominal pain", "nausea", "bloating", "smoking", "low haemoglobin", "weight loss")
        + typical("black stools", "belching", "loss of appetite"),
        "bismuth quadruple therapy",
        "ACG 2024",
        also_accepted=("omeprazole", "amoxicillin", "clarithromycin", "metronidazole", "lansoprazole", "famotidine")
        + ("esomeprazole", "pantoprazole", "sucralfate", "vonoprazan", "levofloxacin"),
        sex="male",
        ages=(30, 75),
        test="urea breath test",
        also_tests=("upper endoscopy",),
        mechanism="urease-producing bacteria damage the mucosa",
        difficulty=1,
    ),
    Condition(
        "acute pancreatitis",
        "gastroenterology",
        decisive("upper belly pain boring through to the back", "bruised flanks with a rigid upper abdomen")
        + shown_by("serum lipase", "lipase of 1800", source="ACG 2024")
        + shown_by("serum lipase", "swollen pancreas with a lipase ten times normal")
        + typical("vomiting", "upper abdominal pain", "fever", "fast pulse", "gallstones", "raised white cells")
        + typical("nausea", "low blood pressure", "raised CRP"),
        "lactated Ringer solution",
        "ACG 2024",
        ages=(30, 75),
        test="serum lipase",
        also_tests=("CT of the abdomen", "abdominal ultrasound"),
        mechanism="trypsin activated inside the pancreas digests it",
        difficulty=1,
    ),
    Condition(
        "acute appendicitis",
        "gastroenterology",
        decisive(
            "pain that moved from the navel to the right iliac fossa", "right-sided pain on pressing the left side"
        )
        + shown_by("CT of the abdomen", "appendix 12 mm wide with fat stranding", source="WSES 2020")
        + shown_by("CT of the abdomen", "appendicolith in a blind-ending tube")
        + typical("loss of appetite", "vomiting", "mild fever", "abdominal pain", "raised white cells", "raised CRP")
        + typical("nausea", "fast pulse"),
        "laparoscopic appendicectomy",
        "WSES 2020",
        also_accepted=("ceftriaxone", "piperacillin-tazobactam", "metronidazole"),
        ages=(18, 45),
        test="CT of the abdomen",
        also_tests=("abdominal ultrasound",),
        mechanism="obstructed lumen of the appendix becomes infected",
        difficulty=1,
    ),
    Condition(
        "acute cholangitis",
        "gastroenterology",
        decisive("jaundice with rigors and right upper pain", "rigors after a stent in the bile duct blocked")
        + shown_by("magnetic resonance cholangiography", "stone in a dilated common bile duct")
        + shown_by("magnetic resonance cholangiography", "pus behind an obstructed papilla")
        + typical("jaundice", "fever", "upper abdominal pain", "gallstones", "raised white cells", "confusion")
        + typical("low blood pressure", "dark urine", "raised CRP", "raised ALP"),
        "endoscopic biliary drainage",
        "Tokyo Guidelines 2018",
        also_accepted=("piperacillin-tazobactam", "ceftriaxone", "metronidazole", "meropenem"),
        aim="for source control",
        ages=(45, 80),
        test="magnetic resonance cholangiography",
        also_tests=("abdominal ultrasound", "CT of the abdomen"),
        mechanism="infection of bile behind an obstruction",
    ),
    Condition(
        "autoimmune hepatitis",
        "gastroenterology",
        decisive("acute hepatitis with a thyroiditis and no virus", "liver tests that relapse when steroids stop")
        + shown_by("liver biopsy with autoantibodies", "smooth muscle antibodies", source="AASLD 2019")
        + shown_by("liver biopsy with autoantibodies", "interface hepatitis with plasma cells", source="AASLD 2019")
        + typical("jaundice", "fatigue", "joint pain", "raised transaminases", "nausea", "loss of appetite")
        + typical("missed periods", "upper abdominal pain", "itching", "dark urine"),
        "prednisone",
        "AASLD 2019",
        also_accepted=(
            "azathioprine",
            "budesonide",
            "mycophenolate",
        ),
        aim="to induce remission",
        sex="female",
        ages=(18, 60),
        test="liver biopsy with autoantibodies",
        mechanism="T-cell attack on hepatocytes",
    ),
    Condition(
        "hereditary haemochromatosis",
        "gastroenterology",
        decisive("bronze skin with diabetes", "stiff painful second and third knuckles with a large liver")
        + shown_by("transferrin saturation with HFE genotype", "transferrin saturation of 85%", source="ACG 2019")
        + shown_by("transferrin saturation with HFE genotype", "homozygous C282Y mutation", source="ACG 2019")
        + typical("fatigue", "joint pain", "low libido", "erectile dysfunction", "raised transaminases")
        + typical("palpitations", "high blood glucose", "upper abdominal pain", "weight loss"),
        "venesection",
        "ACG 2019",
        also_accepted=("deferasirox", "deferoxamine"),
        sex="male",
        ages=(35, 70),
        test="transferrin saturation with HFE genotype",
        mechanism="low hepcidin lets too much iron in",
    ),
    Condition(
        "chronic hepatitis C",
        "gastroenterology",
        decisive("purpura of the shins with cryoglobulins", "transfusion in 1985 and raised liver tests ever since")
        + shown_by("hepatitis C RNA", "detectable hepatitis C RNA", source="AASLD-IDSA")
        + shown_by("hepatitis C RNA", "genotype 3 virus in blood")
        + typical("fatigue", "raised transaminases", "injection drug use", "joint pain", "loss of appetite")
        + typical("itching", "low mood", "nausea", "upper abdominal pain"),
        "sofosbuvir",
        "AASLD-IDSA",
        also_accepted=(
            "glecaprevir-pibrentasvir",
            "ribavirin",
            "interferon alfa",
        ),
        aim="together with velpatasvir",
        ages=(45, 70),
        test="hepatitis C RNA",
        mechanism="RNA virus persists in hepatocytes",
        difficulty=1,
    ),
    Condition(
        "spontaneous bacterial peritonitis",
        "gastroenterology",
        decisive("tense cirrhotic belly with new rebound pain", "cirrhosis that worsens with chills but no focus")
        + shown_by("diagnostic paracentesis", "ascitic neutrophils of 600", source="AASLD 2021")
        + shown_by("diagnostic paracentesis", "one coliform species in ascites without perforation")
        + typical("fever", "ascites", "abdominal pain", "confusion", "jaundice", "low blood pressure")
        + typical("drowsiness", "raised creatinine", "raised white cells"),
        "ceftriaxone",
        "AASLD 2021",
        also_accepted=("cefotaxime", "piperacillin-tazobactam", "meropenem", "ciprofloxacin"),
        ages=(40, 70),
        test="diagnostic paracentesis",
        mechanism="gut bacteria translocate into ascites",
    ),
    Condition(
        "gastrinoma",
        "gastroenterology",
        decisive("ulcers of the jejunum with loose stools", "duodenal ulcers and parathyroid tumours in father and son")
        + shown_by("fasting gastrin with gastric pH", "gastrin of 1200 with acid gastric juice", source="ENETS 2023")
        + shown_by("fasting gastrin with gastric pH", "paradoxical rise of gastrin after secretin")
        + typical("upper abdominal pain", "watery diarrhoea", "weight loss", "vomiting", "black stools", "nausea")
        + typical("low haemoglobin", "raised calcium"),
        "omeprazole",
        "ENETS 2023",
        also_accepted=("pantoprazole", "lansoprazole", "esomeprazole", "octreotide", "lanreotide", "famotidine"),
        aim="in high doses to control acid",
        ages=(30, 65),
        test="fasting gastrin with gastric pH",
        mechanism="tumour gastrin drives acid secretion",
        difficulty=3,
    ),
    Condition(
        "acute mesenteric ischaemia",
        "gastroenterology",
        decisive("agonising belly pain with a soft abdomen", "sudden gut pain in an irregular pulse off anticoagulants")
        + shown_by("CT angiography of the abdomen", "embolus in the superior mesenteric artery", source="WSES 2022")
        + shown_by("CT angiography of the abdomen", "gas in the wall of ischaemic bowel")
        + typical("abdominal pain", "vomiting", "fast pulse", "raised lactate", "raised white cells", "nausea")
        + typical("low blood pressure", "smoking", "confusion"),
        "surgical embolectomy",
        "WSES 2022",
        also_accepted=("heparin", "alteplase", "piperacillin-tazobactam"),
        ages=(60, 80),
        test="CT angiography of the abdomen",
        mechanism="arterial occlusion starves the small bowel",
    ),
    Condition(
        "Whipple disease",
        "gastroenterology",
        decisive("rhythmic eye and jaw movements with diarrhoea", "years of migrating arthritis before fatty diarrhoea")
        + shown_by("duodenal biopsy with PAS stain", "PAS-positive foamy macrophages")
        + shown_by("duodenal biopsy with PAS stain", "Tropheryma whipplei by PCR of the mucosa")
        + typical("watery diarrhoea", "weight loss", "joint pain", "mild fever", "abdominal pain", "fatigue")
        + typical("confusion", "chronic cough", "low haemoglobin"),
        "ceftriaxone",
        GENERAL,
        also_accepted=("co-trimoxazole", "doxycycline", "hydroxychloroquine", "meropenem", "benzylpenicillin"),
        aim="as induction",
        sex="male",
        ages=(40, 65),
        test="duodenal biopsy with PAS stain",
        mechanism="macrophages fail to clear an actinomycete",
        difficulty=3,
    ),
)
