from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ml_collections import ConfigDict

from alignment import cli, doctor, feedback
from alignment.common.declaration import problem_of
from alignment.config import LEAVES as DECLARED
from alignment.config import default_config, default_data_set
from alignment.config_checks import names_of
from alignment.errors import UserError

LEAVES = cli.leaves(default_config())


def parse(*argv, **kwargs):
    return cli.parse(argv, description="A door.", needs_workdir=False, **kwargs)


def write_config(folder: Path, body: str, name: str = "c.py") -> str:
    path = folder / name
    path.write_text("from alignment.config import default_config\n" + textwrap.dedent(body))
    return str(path)


def another(name):
    """A value that the leaf called `name` may take and that is not its default."""
    declared = DECLARED[name]
    value, names = declared.default, declared.choices or (names_of(declared.registry) if declared.registry else ())
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        items = names or ((value[0] + 1,) if isinstance(value[0] if value else "", int) else ("x:1=2",))
        return tuple(items)[:2] if tuple(items)[:2] != value else tuple(items)[2:3]
    if isinstance(value, str):
        return next((choice for choice in names if choice != value), "other")
    steps = (type(value)(step) for step in (value + 1, value / 2, value + 0.5))
    return next(step for step in steps if step != value and not problem_of(step, declared))


# ------------------------------------------------------------------------------------------------------------ overrides


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_can_be_overridden(name):
    wanted = another(name)
    got = cli.leaves(parse(f"--config.{name}={cli.show(wanted)}").config)
    assert got[name] == wanted and type(got[name]) is type(LEAVES[name])
    assert {key: value for key, value in got.items() if value != LEAVES[key]} == {name: wanted}


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_has_a_type_that_the_command_line_can_write(name):
    assert isinstance(LEAVES[name], (bool, int, float, str, tuple))
    assert cli.leaves(parse(f"--config.{name}={cli.show(LEAVES[name])}").config) == LEAVES


@pytest.mark.parametrize(
    "flag, wanted",
    [
        ("grpo.learning_rate=1e-4", 1e-4),
        ("grpo.learning_rate=1", 1.0),
        ("grpo.entropy_bonus=-.5", -0.5),
        ("grpo.beta=.5", 0.5),
        ("grpo.steps=3", 3),
        ("log.wandb=TRUE", True),
        ("seeds=0,1, 2", (0, 1, 2)),
        ("seeds=(3,)", (3,)),
        ("eval.stop=()", ()),
        ("eval.stop=", ()),
        ("data.rl.path=a=b:c.jsonl", "a=b:c.jsonl"),
        ("model.path=", ""),
    ],
)
def test_values_are_read_as_the_type_of_the_default(flag, wanted):
    name = flag.split("=")[0]
    got = cli.leaves(parse("--config." + flag).config)[name]
    assert got == wanted and type(got) is type(wanted)


def test_value_may_follow_as_the_next_word_and_the_last_one_wins():
    assert parse("--config.grpo.steps", "5").config.grpo.steps == 5
    assert parse("--config.grpo.entropy_bonus", "-0.5").config.grpo.entropy_bonus == -0.5
    assert parse("--config.grpo.steps=5", "--config.grpo.steps=6").config.grpo.steps == 6


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--config.grpo.step=3"], "--config.grpo.steps?"),
        (["--config.steps=3"], "--config.grpo.steps?"),
        (["--config.sft.steps=3"], "--config.sft.epochs?"),
        (["--config.data.rl.pth=3"], "--config.data.rl.path?"),
        (["--config.learning_rate=3"], "--config.grpo.learning_rate or --config.sft.learning_rate?"),
        (["--config.grpo=3"], "--config.grpo is a group"),
        (["--config.grpo.steps.x=3"], "--config.grpo.steps?"),
        (["--config.=3"], "unknown override"),
        (["--config.rollout.lanes=8"], "--config.rollout.lanes is called --config.rollout.sequences now"),
        (["--config.grpo.steps=1.5"], "not an int (default: 100)"),
        (["--config.grpo.steps=many"], "not an int"),
        (["--config.grpo.steps="], "not an int"),
        (["--config.grpo.beta=nan"], "not a finite float"),
        (["--config.grpo.beta=x"], "not a finite float"),
        (["--config.log.wandb=1"], "not true or false"),
        (["--config.seeds=0,x"], "not a comma-separated list of int"),
        (["--config.seeds=0.5"], "not a comma-separated list of int"),
        (["--config.grpo.steps"], "needs a value"),
        (["--config.log.wandb", "--config.grpo.steps=3"], "--config.log.wandb needs a value"),
        (["--grpo.steps=3"], "did you mean --config.grpo.steps?"),
        (["--confg=demo.py"], "did you mean --config?"),
        (["stray"], "unexpected argument 'stray'"),
        (["--config"], "expected one argument"),
        (["--con=demo.py"], "unknown flag --con"),
    ],
)
def test_a_wrong_override_is_one_line_with_the_nearest_full_name(argv, words):
    with pytest.raises(UserError) as caught:
        parse(*argv)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@given(st.text(min_size=1, max_size=12), st.text(max_size=12))
def test_no_override_whatever_escapes_as_another_exception(name, text):
    try:
        config = cli.override(default_config(), [(name, text)])
    except UserError:
        assert name not in LEAVES or not isinstance(LEAVES[name], str) or DECLARED[name].choices
    else:
        assert set(cli.leaves(config)) == set(LEAVES)


def test_the_config_is_locked_and_typed():
    config = parse().config
    with pytest.raises((AttributeError, KeyError)):
        config.grpo.stpes = 3
    with pytest.raises(TypeError):
        config.grpo.steps = "many"


def test_types_come_from_the_default_even_where_a_file_empties_a_tuple(tmp_path):
    schema = ConfigDict({"numbers": (1,)})
    path = write_config(tmp_path, "def get_config():\n    return type(default_config())({'numbers': ()})\n")
    assert parse(f"--config={path}", defaults=lambda: schema).config.numbers == ()
    assert parse(f"--config={path}", "--config.numbers=4,5", defaults=lambda: schema).config.numbers == (4, 5)


def test_an_entry_point_may_bring_its_own_leaves():
    tree = parse("--config.vocab=7", defaults=lambda: ConfigDict({"vocab": 3}))
    assert tree.config.to_dict() == {"vocab": 7}


# ------------------------------------------------------------------------------------------------------ the config file


def test_a_config_file_is_read_with_and_without_argument(tmp_path):
    path = write_config(
        tmp_path, "def get_config(n='1'):\n    c = default_config()\n    c.grpo.steps = int(n)\n    return c\n"
    )
    assert parse(f"--config={path}").config.grpo.steps == 1
    assert parse(f"--config={path}:7").config.grpo.steps == 7
    assert parse("--config", f"{path}:7", "--config.grpo.steps=8").config.grpo.steps == 8
    assert parse(f"--config={path}:7").config_file == f"{path}:7"


@pytest.mark.parametrize(
    "body, words",
    [
        ("x = 1", "defines no get_config()"),
        ("def get_config(:", "line 2: SyntaxError"),
        ("def get_config():\n    return 1 / 0", "line 3: ZeroDivisionError: division by zero"),
        ("import no_such_module_here", "line 2: ModuleNotFoundError"),
        ("def get_config():\n    return 3", "get_config returned int"),
        ("def get_config(size):\n    return default_config()", "needs an argument; write --config="),
        (
            "def get_config():\n    c = default_config()\n    c.grpo.stpes = 3\n    return c",
            "nearest is config.grpo.steps",
        ),
        (
            "def get_config():\n    c = default_config()\n    c.rollout.width = 2\n    return c",
            "sets config.rollout.width, which is called config.rollout.samples_per_slot now",
        ),
        ("def get_config():\n    c = default_config()\n    c.grpo.steps = 'x'\n    return c", "line 4: TypeError"),
        ("def get_config():\n    c = default_config()\n    del c.grpo.steps\n    return c", "lacks config.grpo.steps"),
        (
            "from ml_collections import ConfigDict\n"
            "def get_config():\n    c = default_config().to_dict()\n    c['seeds'] = 0\n    return ConfigDict(c)",
            "sets config.seeds to 0; it must be a comma-separated list of int",
        ),
        *(
            (
                f"def get_config():\n    c = default_config()\n    c.{name} = {value}\n    return c",
                f"sets config.{name} to {value}",
            )
            for name, value in [
                ("seeds", "(0.5,)"),
                ("seeds", "(True,)"),
                ("seeds", "(1, '2')"),
                ("arms", "(1,)"),
                ("eval.stop", "(None,)"),
                ("adapters.reward.targets", "('q_proj', 2)"),
            ]
        ),
    ],
)
def test_a_bad_config_file_is_one_line_naming_it(tmp_path, body, words, capsys):
    path = write_config(tmp_path, body)
    assert cli.main(lambda args: None, description="d", needs_workdir=False, argv=[f"--config={path}"]) == 2
    error = capsys.readouterr().err
    assert words in error and path in error and error.count("\n") == 1


def test_an_argument_that_the_file_does_not_take(tmp_path):
    path = write_config(tmp_path, "def get_config():\n    return default_config()\n")
    with pytest.raises(UserError, match=r"takes no argument; write --config=.*c\.py$"):
        parse(f"--config={path}:small")


def test_a_missing_config_file_names_the_nearest_one(tmp_path):
    write_config(tmp_path, "", "demo.py")
    with pytest.raises(UserError, match=r"no such file.*did you mean .*demo\.py\?"):
        parse(f"--config={tmp_path}/dmeo.py")
    with pytest.raises(UserError, match="no such file"):
        parse(f"--config={tmp_path}/no/such/folder.py")
    with pytest.raises(UserError, match="name a Python file"):
        parse("--config=demo")


# ----------------------------------------------------------------------------------------------------- the entry point


def test_a_full_disk_is_one_line(capsys):
    def run(args):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/metrics.jsonl")

    assert cli.main(run, description="d", needs_workdir=False, argv=[]) == 2
    text = "the disk is full; free some space and run it again, what was finished before is intact"
    assert capsys.readouterr().err == f"error: runs/metrics.jsonl: {text}\n"


def test_main_starts_first_and_returns_the_exit_status(capsys):
    order = []

    def door(raised=None):
        def run(args):
            order.append(args.workdir)
            if raised:
                raise raised

        return cli.main(run, description="d", start=lambda: order.append("start"), argv=["--workdir=w"])

    assert door() == 0 and order == ["start", "w"]
    assert door(KeyboardInterrupt()) == 130 and "interrupted" in capsys.readouterr().err
    assert door(UserError("two\nlines")) == 2 and capsys.readouterr().err == "error: two lines\n"
    with pytest.raises(ZeroDivisionError):
        door(ZeroDivisionError())


def test_workdir_is_asked_for_and_a_misspelt_one_recognised():
    with pytest.raises(UserError, match="--workdir is missing; write --workdir=FOLDER"):
        cli.parse([], description="d")
    with pytest.raises(UserError, match="did you mean --workdir?"):
        cli.parse(["--workdr=x"], description="d")
    assert cli.parse(["--workdir", "gs://bucket/x"], description="d").workdir == "gs://bucket/x"


@pytest.mark.parametrize("defaults", [default_config, default_data_set])
def test_help_shows_every_heading_once(defaults):
    headings = [line for line in cli._leaf_help(defaults(), "").splitlines() if line and line[0] != " "]
    assert len(headings) == len(set(headings)) and any(
        line.startswith(("grpo loss: ", "traces: ")) for line in headings
    )


def test_help_shows_the_description_the_flags_and_every_leaf_of_the_named_file(tmp_path, capsys):
    path = write_config(tmp_path, "def get_config():\n    c = default_config()\n    c.grpo.steps = 123\n    return c\n")
    with pytest.raises(SystemExit) as leaving:
        parse("--help", f"--config={path}", add_flags=lambda parser: parser.add_argument("--arm", help="which arm"))
    shown = capsys.readouterr().out
    assert leaving.value.code == 0
    assert "A door." in shown and "--arm ARM" in shown and "which arm" in shown
    assert "--config.grpo.steps=123\n" in shown and "(at least 0; default: 100)\n" in shown
    assert [name for name in LEAVES if f"--config.{name}=" not in shown] == []


@pytest.mark.parametrize("program", [doctor, feedback])
def test_help_of_a_command_that_reads_a_part_of_the_configuration_lists_that_part(program, capsys):
    with pytest.raises(SystemExit):
        parse("--help", add_flags=program.add_flags)
    shown = capsys.readouterr().out
    listed = {name for name in LEAVES if f"--config.{name}=" in shown}
    assert listed == {name for name in LEAVES if any(f"{name}.".startswith(f"{read}.") for read in program.LEAVES_READ)}
    assert "leaves of the configuration that this command reads" in shown and 10 < len(listed) < 25
    assert "\nmodel: the frozen base\n" in shown and "\nlog: " not in shown


@pytest.mark.ci
def test_an_entry_point_as_a_process_prints_one_line_and_no_traceback(tmp_path):
    door = tmp_path / "door.py"
    door.write_text("import sys\nfrom alignment import cli\nsys.exit(cli.main(print, description='d'))\n")
    done = subprocess.run(
        [sys.executable, str(door), "--workdir=w", "--config.grpo.step=3"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "error: unknown override --config.grpo.step; did you mean --config.grpo.steps?\n"


@pytest.mark.parametrize("defaults", [default_config, default_data_set])
def test_the_printed_configuration_is_a_config_file_of_the_same_values(defaults, tmp_path, capsys):
    override = "--config.grpo.steps=3" if defaults is default_config else "--config.seed=3"
    arguments = {"description": "d", "defaults": defaults, "needs_workdir": defaults is default_config}
    with pytest.raises(SystemExit) as ended:
        cli.parse(["--print_config", override], **arguments)
    assert ended.value.code == 0
    (tmp_path / "printed.py").write_text(capsys.readouterr().out, encoding="utf-8")
    wanted = cli.parse([override, "--workdir=w"] if defaults is default_config else [override], **arguments).config
    assert cli.load_config(str(tmp_path / "printed.py"), defaults()) == wanted


def test_the_configuration_is_printed_without_the_required_flags_of_a_command(capsys):
    def add_flags(parser):
        parser.add_argument("--out", required=True)

    with pytest.raises(SystemExit) as ended:
        parse("--print_config", "--config.grpo.steps=3", add_flags=add_flags)
    assert ended.value.code == 0 and "'grpo.steps': 3," in capsys.readouterr().out
    with pytest.raises(UserError, match="required: --out"):
        parse("--config.grpo.steps=3", add_flags=add_flags)
