from __future__ import annotations

from alignment.evaluation import tables

ROW = {
    "arm": "modular",
    "seed": 0,
    "accuracy": 0.7125,
    "accuracy_ci95": [0.664, 0.754],
    "valid_rate": 1.0,
    "auditability": 0.9,
    "reward_drawdown": None,
    "kl_peak": 0.01234,
    "collapsed": False,
    "never_learned": False,
}


def test_formats():
    assert tables.percent(0.7125) == "71.2 %" and tables.percent(None) == "–"
    assert tables.percent_interval([0.664, 1.0]) == "66.4 to 100.0" and tables.percent_interval(None) == ""
    assert tables.number(0.012345) == "0.0123" and tables.number(None) == "–"
    assert tables.whole(3) == "3" and tables.whole(None) == "–"
    assert tables.signed(0.5) == "+0.500" and tables.signed(None) == "–"
    assert tables.p_value(0.0004) == "< 0.001" and tables.p_value(0.031) == "0.031"


def test_status_tells_the_cases_apart():
    assert tables.status({"collapsed": None}) == tables.status({}) == "no reward stage"
    assert tables.status({"collapsed": True, "never_learned": False}) == "collapsed"
    assert tables.status({"collapsed": False, "never_learned": True}) == "never learned"
    assert tables.status(ROW) == "no collapse seen"
    weak = {"greedy": "not powered", "sampled": "not powered"}
    assert tables.status(ROW | {"verdicts": weak}) == "not powered"
    assert tables.status(ROW | {"verdicts": weak | {"sampled": "learned"}}) == "no collapse seen"
    assert tables.status(ROW | {"harmed": True}) == tables.status(ROW | {"verdicts": {"sampled": "harmed"}}) == "harmed"


def test_text_table_is_aligned_and_fits_a_terminal():
    head, rule, first, second = tables.results_table([ROW, {**ROW, "arm": "base", "collapsed": None}]).splitlines()
    assert "71.2 % (66.4 to 75.4)" in first and "0.0123" in first and "no collapse seen" in first
    assert first.index("71.2 %") == second.index("71.2 %") == head.index("accuracy")
    assert len(rule) <= 120


def test_a_standard_error_is_shown_beside_its_value():
    column = next(column for column in tables.COLUMNS if column.key == "reward_change")
    assert (column.text({"reward_change": 0.4}), column.spread({"reward_change": 0.4})) == ("+0.400", "")
    assert column.spread({"reward_change": 0.4, "reward_change_se": 0.02}) == "± 0.020"


def test_a_column_without_values_is_left_out():
    plain = tables.results_table([ROW])
    assert "sampled acc." not in plain and "sampled" not in plain
    head, _, first, second = tables.results_table([ROW | {"sampled_accuracy": 0.5}, ROW]).splitlines()
    assert "sampled acc." in head and "50.0 %" in first and second.count("–") == first.count("–") + 1
    assert max(map(len, (head, first, second))) <= 120


def test_pass_at_k_stands_beside_what_a_guesser_gets():
    column = next(column for column in tables.COLUMNS if column.key == "pass_at_k")
    assert column.spread({"pass_at_k_ci95": [0.6, 0.7], "pass_at_k_chance": 0.59}) == "60.0 to 70.0 (guess 59.0)"


def test_the_printed_verdicts_are_those_over_all_seeds():
    verdict = {"arm": "modular", "decoding": "greedy", "verdict": "learned", "p_holm": 0.0002, "headroom_won": 0.6}
    verdict |= {"change": 0.3, "ci95": [0.2, 0.4], "reason": "why"}
    weak = verdict | {"verdict": "not powered", "ci95": None, "reason": "99 questions are too few"}
    table = tables.verdicts_table([verdict | {"seed": None}, verdict | {"seed": 0}, weak | {"seed": None}])
    _, _, first, second, why = table.splitlines()
    assert "+30.0" in first and "+20.0 to +40.0" in first and "< 0.001" in first and "60.0 %" in first
    assert "–" in second and why == "modular, greedy: not powered: 99 questions are too few"
    assert tables.verdicts_table([]) == ""
