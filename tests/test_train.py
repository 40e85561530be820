"""One arm from the command line."""

from __future__ import annotations

from alignment import train


def test_an_unknown_arm_is_answered_with_the_flag_that_was_typed(tmp_path, capsys):
    assert train.main(["--arm=modula", f"--workdir={tmp_path / 'run'}"]) == 2
    assert "unknown arm (--arm) 'modula'; did you mean 'modular'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
