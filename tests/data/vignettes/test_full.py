"""The full scope: one right answer by rule, gone when the key facts are; four registers; every option explained."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import pytest

from alignment.data.ids import fingerprint, normalised_question
from alignment.data.vignettes import families_of, full, generate, right_letters
from alignment.data.vignettes.drugs import defended, first_choice
from alignment.data.vignettes.families.next_test import TREATED_FIRST
from alignment.data.vignettes.index import load_world
from alignment.data.vignettes.item import to_record
from alignment.data.vignettes.solver import fitting_letters
from alignment.errors import UserError
from alignment.knowledge.base import fitting, ruled_out
from alignment.knowledge.pharmacology.checks import effects_of, interactions_of
from alignment.record import validate
from alignment.text.mentions import asserted_letter

FAMILIES = families_of("full")
COUNT = 40  # a family
ITEMS = {family: list(full.pairs(COUNT, 0, "train", (family,))) for family in FAMILIES}
TRAIN = [record for pairs in ITEMS.values() for _, record in pairs]
EVAL = [record for family in FAMILIES for record in generate(10, 0, "eval", (family,), scope="full")]
EVERY = TRAIN + EVAL
BY_FINDING = ("diagnosis", "likely_finding", "mechanism", "multi_hop", "next_test", "treatment")


def of(family: str):
    return [record for record in EVERY if record.meta["family"] == family]


def test_the_families_are_those_that_were_asked_for():
    wanted = {"diagnosis", "next_test", "contraindication", "interaction", "adverse_effect", "mechanism"}
    wanted |= {"calculation", "likely_finding", "multi_hop", "treatment"}
    assert set(FAMILIES) == wanted


def test_same_arguments_same_records_and_other_seed_other_records():
    first = generate(40, 3, "train", FAMILIES, scope="full")
    assert fingerprint(first) == fingerprint(generate(40, 3, "train", FAMILIES, scope="full"))
    assert first == generate(60, 3, "train", FAMILIES, scope="full")[:40]
    assert fingerprint(first) != fingerprint(generate(40, 4, "train", FAMILIES, scope="full"))


def test_records_are_valid_and_no_two_share_a_stem():
    for record in EVERY:
        validate(record, record.id)
        assert list(record.options) == list("ABCD") and record.cot and record.meta["sources"]
    assert len({normalised_question(record) for record in EVERY}) == len(EVERY) == len({r.id for r in EVERY})


def test_exactly_one_option_is_right_by_the_rules():
    assert [right_letters(record) for record in EVERY] == [[record.gold] for record in EVERY]


def test_the_rules_see_a_moved_gold():
    for family in FAMILIES:
        record = of(family)[0]
        wrong = next(letter for letter in record.letters if letter != record.gold)
        swapped = dict(record.options) | {wrong: record.gold_text, record.gold: record.options[wrong]}
        assert right_letters(dataclasses.replace(record, options=swapped)) == [wrong]


@pytest.mark.parametrize("family", FAMILIES)
def test_without_the_key_facts_a_rule_solver_is_at_chance(family):
    assert all(fitting_letters(record) == [record.gold] for record in of(family))
    assert all(fitting_letters(record, hidden=True) == list("ABCD") for record in of(family))


def test_hiding_leaves_the_key_facts_unsaid_and_the_rest_as_it_was():
    for item, record in (pair for pairs in ITEMS.values() for pair in pairs):
        hidden = to_record(item, hidden=True)
        assert record.meta["decisive"] and not hidden.meta["decisive"] and hidden.cot is None
        assert (hidden.options, hidden.gold) == (record.options, record.gold)
        assert set(hidden.facts) == set(record.facts) - set(record.meta["decisive"])
        gone = [fact for fact in record.meta["decisive"] if fact not in " ".join(hidden.facts)]
        assert gone and not [fact for fact in gone if fact in hidden.question]


def test_the_findings_shown_fit_one_condition_and_without_the_key_all_four():
    base = load_world().base
    for record in (record for family in BY_FINDING for record in of(family)):
        case = record.meta["case"]
        assert [c.name for c in fitting(base, case["findings"]) if c.test] == [case["condition"]]
        shared = [text for text in case["findings"] if text not in case["key"]]
        assert len(shared) >= 2 and len(fitting(base, shared)) >= 4


def test_no_case_of_eval_is_seen_in_train():
    def cases(records):
        for record in records:
            case = record.meta["case"]
            if "findings" in case:
                yield case["condition"], frozenset(case["findings"])
            elif "drugs" in case:
                yield frozenset((*case["drugs"], *case["effects"]))
            elif "taken" in case:
                yield frozenset((*case["taken"], *case["others"]))

    train = generate(1500, 7, "train", FAMILIES, scope="full")
    held = set(cases(generate(150, 7, "eval", FAMILIES, scope="full"))) | set(cases(EVAL))
    assert len(held) > 100 and not held & set(cases([*train, *TRAIN]))


def test_gold_letters_families_registers_and_difficulties_are_mixed():
    records = generate(1500, 1, "train", FAMILIES, scope="full")
    letters, families, registers, levels = (
        Counter(values)
        for values in zip(
            *((r.gold, r.meta["family"], r.meta["register"], r.meta["difficulty"]) for r in records), strict=True
        )
    )
    assert all(310 <= letters[letter] <= 440 for letter in "ABCD")  # 375 +- 3.9 standard deviations
    assert set(families) == set(FAMILIES) and all(105 <= count <= 195 for count in families.values())
    assert set(registers) == {"exam", "letter", "note", "lay"} and min(registers.values()) > 300
    assert set(levels) == {"easy", "medium", "hard"} and min(levels.values()) > 150


def test_a_case_can_be_said_in_several_ways():
    item, _ = ITEMS["diagnosis"][0]
    questions = {to_record(dataclasses.replace(item, wording=seed)).question for seed in range(40)}
    assert len(questions) > 20


def test_every_wrong_option_has_its_reason_and_the_thoughts_end_in_the_answer():
    for record in EVERY:
        reasons = record.meta["why_wrong"]
        assert set(reasons) == set("ABCD") - {record.gold}
        restated = re.findall(r"^([A-D])\. (.+?) \(\1\)(?:, (.+))?$", record.cot, re.MULTILINE)
        assert [(letter, text) for letter, text, _ in restated] == list(record.options.items())
        assert {letter: reason for letter, _, reason in restated if reason} == reasons
        assert record.cot.endswith(f"\nThe option that fits is {record.gold_text} ({record.gold}).")
        assert asserted_letter(record.cot, record) == record.gold


def test_thoughts_name_a_key_fact_and_the_condition_behind_it():
    for record in (record for family in BY_FINDING for record in of(family)):
        key, name = re.search(r"The key finding (.+?) points to (.+?)\.(?: |$)", record.cot).groups()
        assert key in record.meta["decisive"] and key in record.question
        assert name == record.meta["case"]["condition"]


def test_measured_findings_are_given_as_plausible_numbers():
    results = load_world().base.results
    seen = 0
    for item, _ in (pair for family in BY_FINDING for pair in ITEMS[family]):
        for fact in item.facts:
            result = results.get(fact.name)
            if result and fact.text != fact.name:
                value = float(re.search(r"-?\d+\.?\d*", fact.text.removeprefix(result.measure))[0])
                rounding = 0.5 * 10**-result.decimals
                assert result.plausible[0] - rounding <= value <= result.plausible[1] + rounding
                seen += 1
    assert seen > 40


def test_no_treatment_that_could_be_defended_is_offered_as_wrong():
    world = load_world()
    owners = {first_choice(c): c for c in world.conditions}
    for record in of("treatment"):
        condition = world.base.conditions[record.meta["case"]["condition"]]
        wrong = [text for letter, text in record.options.items() if letter != record.gold]
        assert not [text for text in wrong if defended(world, owners[text].first_line, condition)]


def test_the_contraindication_decides_between_first_choice_and_reserve():
    base, barred = load_world().base, 0
    for record in of("contraindication"):
        condition, factor = (record.meta["case"][key] for key in ("condition", "factor"))
        first = base.conditions[condition].first_line
        barred += ruled_out(base, first, factor)
        assert (record.gold_text != first) == ruled_out(base, first, factor)
        assert not ruled_out(base, record.gold_text, factor) and first in record.options.values()
        assert base.factors[factor].clause in record.facts
    assert 0.3 < barred / len(of("contraindication")) < 0.7


def test_only_the_gold_drug_does_it_and_only_the_gold_drug_interacts():
    base = load_world().base
    for record in of("adverse_effect"):
        case = record.meta["case"]
        assert [drug for drug in case["drugs"] if case["effect"] in effects_of(base, drug)] == [case["drug"]]
    for record in of("interaction"):
        case = record.meta["case"]
        assert [drug for drug in case["taken"] if interactions_of(base, drug, case["added"])] == [case["partner"]]


def test_nobody_has_a_finding_of_the_other_sex():
    words = {"female": "prostate|scrotal|erectile|testis|testes", "male": "period|vagina|uterus|menopause|ovar"}
    for item, record in (pair for pairs in ITEMS.values() for pair in pairs):
        shown = " ".join(fact.text for fact in item.facts if fact.kind != "clause")
        assert not re.search(words[item.patient.sex], shown), record.question


def test_nothing_is_denied_that_was_told():
    denied = 0
    for item, _ in (pair for family in BY_FINDING for pair in ITEMS[family]):
        told = " ".join(fact.name for fact in item.facts if fact.kind in ("history", "result"))
        for fact in item.facts:
            if fact.kind == "absent":
                denied += 1
                assert not [word for word in fact.text.split() if len(word) > 3 and word in told.split()]
    assert denied > 50


def test_no_test_is_asked_for_where_treatment_must_not_wait():
    assert "anaphylaxis" not in {record.meta["case"]["condition"] for record in of("next_test")}
    assert set(load_world().base.conditions) >= TREATED_FIRST


def test_treatment_classes_are_defended_by_hand():
    world = load_world()
    asthma, gout = world.base.conditions["asthma"], world.base.conditions["acute gout"]
    assert defended(world, "prednisone", asthma) and not defended(world, "colchicine", asthma)
    assert defended(world, "ketorolac", gout)  # another drug of the class of naproxen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scope": "huge"}, "unknown scope 'huge'"),
        ({"families": ("drug_class",)}, r"unknown families \['drug_class'\]"),
        ({"split": "test"}, "unknown split"),
        ({"count": -1}, "must not be negative"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        generate(**({"count": 1, "seed": 0, "split": "train", "families": FAMILIES, "scope": "full"} | arguments))


def test_asking_for_more_than_there_is_is_refused(monkeypatch):
    item, _ = ITEMS["diagnosis"][0]
    monkeypatch.setattr(full, "registered", lambda: {"diagnosis": lambda *_: item})
    with pytest.raises(UserError, match="only 1 different train questions"):
        generate(2, 0, "train", ("diagnosis",), scope="full")


def test_conditions_are_asked_about_evenly_given_the_options():
    """Of one set of four conditions each is the right one equally often."""
    golds = Counter()
    for item, _ in full.pairs(600, 0, "train", ("diagnosis",)):
        names = sorted(choice.text for choice in item.choices)
        golds[names.index(item.gold_text)] += 1
    assert all(110 <= count <= 190 for count in golds.values())  # 150 +- 3.8 standard deviations
