"""Entities, contraindications, red flags and atomic assertions, on sentences and on every generated gold trace."""

from __future__ import annotations

import pytest
from growth import grows_linearly

from alignment.data.vignettes import generate
from alignment.knowledge.base import load, ruled_out
from alignment.record import Record
from alignment.rewards.clinical.assertions import VERDICTS, assertions, balance
from alignment.rewards.clinical.entities import contraindicated, entities, present_factors, recommended
from alignment.rewards.clinical.red_flags import advises_help, calls_for_help, is_overconfident
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES, cot_response

THINK = TEMPLATES["think_answer"]


def case(question: str, **options: str) -> Record:
    return Record("r", "test", question, options or {"A": "x", "B": "y"}, "A")


def respond(answer: str):
    return parse(f"<think>x</think><answer>{answer}</answer>", "AB", THINK)


# --- entities and contraindications -------------------------------------------------------------------------------


def test_entities_of_a_sentence():
    named = entities("Amoxicillin, a penicillin, treats community-acquired pneumonia but not severe asthma.")
    assert [(entity.kind, entity.name, entity.denied) for entity in named] == [
        ("drug", "amoxicillin", False),
        ("class", "penicillin", False),
        ("condition", "community-acquired pneumonia", True),  # the price of a window of five words
        ("factor", "severe asthma", True),
    ]


@pytest.mark.parametrize(
    ("question", "factors"),
    [
        ("He has a macrolide allergy.", {"macrolide allergy"}),
        ("She is ten weeks pregnant.", {"pregnancy"}),
        ("He has no macrolide allergy.", set()),
        ("He denies severe asthma. He has an eGFR of 18.", {"kidney failure"}),
        ("He is well.", set()),
    ],
)
def test_present_factors(question, factors):
    assert present_factors(case(question)) == factors


def test_every_factor_is_found_by_name_and_by_clause():
    for factor in load().factors.values():
        assert present_factors(case(f"He {factor.clause}.")) == {factor.name}
        assert present_factors(case(f"The notes say {factor.name}.")) == {factor.name}


def test_recommended_leaves_out_what_is_advised_against():
    record = case("q", A="doxycycline", B="amoxicillin")
    drugs, classes = recommended(respond("Avoid amoxicillin. A macrolide would do too. \\boxed{A}"), record)
    assert drugs == {"doxycycline"} and classes == {"macrolide"}


def test_contraindicated_by_rule_and_by_class():
    base = load()
    assert contraindicated("amoxicillin", {"penicillin anaphylaxis"})
    assert contraindicated("penicillin", {"penicillin anaphylaxis"})  # the class itself
    assert not contraindicated("doxycycline", {"penicillin anaphylaxis"})
    assert not contraindicated("amoxicillin", set())
    for drug in base.drugs.values():
        for rule in drug.contraindications:
            assert contraindicated(drug.name, {rule.factor})
    penicillins = [drug.name for drug in base.drugs.values() if drug.drug_class == "penicillin"]
    assert len(penicillins) > 1 and all(contraindicated(name, {"penicillin anaphylaxis"}) for name in penicillins)


# --- red flags ----------------------------------------------------------------------------------------------------


def test_red_flags_and_escalation():
    assert calls_for_help(case("He has crushing chest pain."))
    assert not calls_for_help(case("He has no loss of consciousness."))
    assert not calls_for_help(case("She has an itching rash."))
    assert advises_help("Send him to the emergency department.") and advises_help("Operate without delay.")
    assert not advises_help("There is no need for urgent care.") and not advises_help("Rest at home.")


def test_certainty_needs_something_of_the_case():
    assert is_overconfident("This is definitely cancer.", ["He has a cough."])
    assert not is_overconfident("The cough is definitely old.", ["He has a cough."])
    assert not is_overconfident("This may be cancer.", ["He has a cough."])


# --- assertions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "relation", "verdict"),
    [
        ("The first-line treatment of scabies is permethrin.", "treats", "supported"),
        ("The first-line treatment of scabies is imatinib.", "treats", "contradicted"),
        ("Scabies is sometimes treated with imatinib.", "treats", "unknown"),
        ("Barrel chest points to COPD.", "shows", "supported"),
        ("Barrel chest points to scabies.", "shows", "contradicted"),
        ("Fever points to scabies.", "shows", "unknown"),
        ("Atropine is a muscarinic antagonist.", "class", "supported"),
        ("Atropine is an opioid antagonist.", "class", "contradicted"),
        ("Omeprazole inhibits the gastric proton pump.", "mechanism", "supported"),
        ("Imatinib inhibits the gastric proton pump.", "mechanism", "contradicted"),
        ("The patient is ten weeks pregnant, which rules out methimazole.", "rules out", "supported"),
        ("Pregnancy rules out insulin glargine.", "rules out", "unknown"),
        ("In pregnancy methimazole is safe.", "safe in", "contradicted"),
    ],
)
def test_one_assertion(text, relation, verdict):
    (assertion,) = assertions(text)
    assert (assertion.relation, assertion.verdict) == (relation, verdict)


def test_its_is_the_condition_last_named():
    (first, second) = assertions("Barrel chest points to COPD. Its first-line treatment is imatinib.")
    assert (first.verdict, second.subject, second.object, second.verdict) == (
        "supported",
        "imatinib",
        "COPD",
        "contradicted",
    )


@pytest.mark.parametrize(
    "text",
    ["", "He feels unwell.", "Permethrin.", "Scabies, permethrin.", "COPD and asthma are treated with tiotropium."],
)
def test_no_assertion(text):
    assert assertions(text) == []


def test_balance_by_hand():
    right, wrong = "Barrel chest points to COPD.", "Atropine is an opioid antagonist."
    assert balance(right) == 1.0 and balance(wrong) == -1.0
    assert balance(f"{right} {right} {wrong}") == pytest.approx(1 / 3)
    assert balance("Fever points to scabies.") != balance("Fever points to scabies.")  # NaN: unknown is not checked


def test_gold_traces_are_never_contradicted_and_mostly_checked():
    records = generate(150, 0, "train")
    traces = [assertions(record.cot) for record in records]
    verdicts = [assertion.verdict for each in traces for assertion in each]
    assert set(verdicts) <= set(VERDICTS)
    assert "contradicted" not in verdicts
    assert sum("supported" in [assertion.verdict for assertion in each] for each in traces) > 0.8 * len(records)


def test_gold_answers_are_safe_and_the_drug_ruled_out_is_not():
    base, ruled_out_count = load(), 0
    for record in generate(60, 0, "train", families=("contraindication",)):
        factors = present_factors(record)
        assert factors, record.question
        for letter, text in record.options.items():
            if letter == record.gold or any(ruled_out(base, text, factor) for factor in factors):
                drugs, classes = recommended(respond(f"\\boxed{{{letter}}}"), record)
                response = parse(
                    cot_response(record, THINK).replace(f"{{{record.gold}}}", f"{{{letter}}}"), "ABCD", THINK
                )
                assert response.letter == letter
                drugs, _ = recommended(response, record) if letter == record.gold else ({text}, set())
                assert any(contraindicated(drug, factors) for drug in drugs) == (letter != record.gold)
                ruled_out_count += letter != record.gold
    assert ruled_out_count >= 30


def test_reading_is_linear_in_the_text():
    assert grows_linearly(lambda size: balance("Barrel chest points to COPD. " * (size // 29)))
    assert grows_linearly(lambda size: is_overconfident("definitely " * (size // 11), ["a"]))
