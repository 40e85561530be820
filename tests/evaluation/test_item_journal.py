"""The journal keeps what was whole when a run ended, and drops what was not."""

from __future__ import annotations

from alignment.evaluation.item_journal import NAME, ItemJournal


def test_items_survive_and_a_torn_or_changed_line_is_dropped(tmp_path, capsys):
    journal = ItemJournal(tmp_path)
    for key in "abc":
        journal.append(key, {"log_probs": {"A": -1.5}})
    journal.close()
    path = tmp_path / NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"-1.5", b"-0.5") + lines[2][:20])
    again = ItemJournal(tmp_path)
    assert again.items == {"a": {"log_probs": {"A": -1.5}}}
    assert "2 damaged line(s) dropped" in capsys.readouterr().out
    assert path.read_bytes() == lines[0]
    again.append("b", {"x": 1})
    assert list(ItemJournal(tmp_path).items) == ["a", "b"]
