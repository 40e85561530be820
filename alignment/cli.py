"""The one command line of every entry point: plain flags, `--config=FILE.py[:argument]` and `--config.a.b=value`.

An entry point is three lines:

    def run(args): ...
    if __name__ == "__main__":
        sys.exit(cli.main(run, description=__doc__, start=parallel.start))

Every mistake at the keyboard becomes one line on stderr and exit status 2, never a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ml_collections import ConfigDict

from alignment.common.declaration import describe_range, describe_type, heading, leaf, problem_of, read_as
from alignment.common.declaration import flatten as leaves
from alignment.common.entry_point import own_command, run_entry_point
from alignment.common.progress import set_quiet
from alignment.common.recipe import recipe_file
from alignment.config import GROUPS, LEAVES, RENAMED, default_config
from alignment.config_checks import check_config, check_leaf, names_of, show
from alignment.errors import UserError

PREFIX = "--config."
AddFlags = Callable[[argparse.ArgumentParser], None]


def main(
    run: Callable[[argparse.Namespace], None],
    *,
    description: str,
    add_flags: AddFlags | None = None,
    defaults: Callable[[], ConfigDict] = default_config,
    needs_workdir: bool = True,
    start: Callable[[], None] | None = None,
    resumes: bool = True,
    argv: Sequence[str] | None = None,
) -> int:
    """Run an entry point and return its exit status, as `common.entry_point.run_entry_point` defines it.

    `start` is called before anything else, so that a distributed start precedes whatever may touch a JAX backend.
    `resumes` says whether the same command resumes after an interruption. The other arguments are those of `parse`.
    """

    def run_parsed() -> None:
        if start is not None:
            start()
        args = parse(argv, description=description, add_flags=add_flags, defaults=defaults, needs_workdir=needs_workdir)
        set_quiet(args.quiet)
        run(args)

    command = own_command() if argv is None else "the same command"
    return run_entry_point(run_parsed, f"{'to resume' if resumes else 'to start again'}, run: {command}")


def parse(
    argv: Sequence[str] | None = None,
    *,
    description: str,
    add_flags: AddFlags | None = None,
    defaults: Callable[[], ConfigDict] = default_config,
    needs_workdir: bool = True,
) -> argparse.Namespace:
    """Read a command line (`sys.argv[1:]` when `argv` is None).

    Returns a namespace with `config` (locked `ConfigDict`), `config_file` (the value of `--config`, or ""), `workdir`
    when `needs_workdir`, and whatever `add_flags(parser)` added. `defaults` gives the tree of leaves that a config
    file may set and its types. Raises `UserError` for anything wrong: every value is in the range that
    `alignment/config.py` declares when this returns.
    """
    overrides, rest = _split_overrides(sys.argv[1:] if argv is None else argv)
    schema = defaults()
    config = schema.copy_and_resolve_references()
    # A first look at --config alone, so that --help lists the values of the very file that was named.
    plain = [arg for arg in rest if arg not in ("-h", "--help")]
    first, _ = _Parser(bool(leaves(schema)), add_help=False).parse_known_args(plain)
    if file := first.config_file:
        config = load_config(file, schema)
    parser = _Parser(bool(leaves(schema)), description=inspect.cleandoc(description))
    _add_plain_flags(parser, add_flags, needs_workdir)
    parser.epilog = _leaf_help(config, file, parser.leaves_read)
    if first.print_config:  # it runs nothing, so that it needs none of the required flags
        for action in parser._actions:
            action.required = False
    args, unknown = parser.parse_known_args(rest)
    if unknown:
        raise UserError(_unknown_flag(unknown[0], parser, schema))
    if first.print_config:
        values = leaves(override(config, overrides, schema))
        shown = {name: values[name] for name in sorted(values, key=list(LEAVES | values).index)}
        print(recipe_file("The configuration of this command, with every leaf.", shown, defaults=defaults.__name__))
        raise SystemExit(0)
    if needs_workdir and not args.workdir:  # after the unknown flags, so that --workdr is answered with --workdir
        raise UserError("--workdir is missing; write --workdir=FOLDER for results and checkpoints")
    args.config = override(config, overrides, schema)
    return args


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add `--profile` to an entry point that trains."""
    parser.add_argument(
        "--profile",
        action="store_true",
        help="trace three steps of every stage into its folder profile/, to open in ui.perfetto.dev",
    )


def limit_help(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Let `--help` of an entry point list only the leaves that it reads: `names` of leaves or of their sections."""
    parser.leaves_read = tuple(names)


def number(kind: type, low: float, high: float | None = None) -> Callable[[str], int | float]:
    """Return an argparse `type` that takes an int or a float from `low` to `high`."""
    declared = leaf(kind(low), "", low=low, high=high)

    def read(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {describe_type(declared.default)}") from None
        if problem := problem_of(value, declared):
            raise argparse.ArgumentTypeError(f"{text}: {problem}")
        return value

    return read


def apply_profile(args: argparse.Namespace) -> None:
    """`--profile` is `--config.log.profile=3` where that is not set."""
    if args.profile and not args.config.log.profile:
        with args.config.unlocked():
            args.config.log.profile = 3


def load_config(name: str, schema: ConfigDict | None = None) -> ConfigDict:
    """Return the locked config of `FILE.py` or `FILE.py:argument`.

    `FILE.py` defines `get_config()` or `get_config(argument)`. A leaf that `schema` does not have, or that has another
    type there, is refused: nothing would read it. So is a value out of its range. Raises `UserError` naming the file.
    """
    path, argument = _split_argument(name)
    get_config = _get_config_function(path)
    arguments = () if argument is None else (argument,)
    try:
        inspect.signature(get_config).bind(*arguments)
    except TypeError:
        takes = "takes no argument" if arguments else "needs an argument"
        remedy = path if arguments else f"{path}:ARGUMENT"
        raise UserError(f"--config={name}: get_config of {path} {takes}; write --config={remedy}") from None
    with _mistakes_of(path):
        config = get_config(*arguments)
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config returned {type(config).__name__}; return an ml_collections.ConfigDict")
    if schema is not None:
        _check_leaves(config, schema, path)
        check_config(config, f"{path}: ")
    return config.lock()


def override(config: ConfigDict, overrides: Iterable[tuple[str, str]], schema: ConfigDict | None = None) -> ConfigDict:
    """Set dotted leaves of `config` in place from text, each read as the type of the same leaf of `schema`.

    `overrides` are pairs (dotted name, text); a later one wins. Returns `config`, locked. Raises `UserError` with the
    nearest full name for an unknown leaf, with the expected type for a value that does not read as it, and with the
    range for a value outside of it.
    """
    kinds = leaves(config if schema is None else schema)
    with config.unlocked():
        for name, text in overrides:
            if name not in kinds:
                raise UserError(_unknown_leaf(name, kinds))
            value = _read(name, text, kinds[name])
            check_leaf(name, value, f"{PREFIX}{name}={text}")
            config.update_from_flattened_dict({name: value})
    return config.lock()


# ---------------------------------------------------------------------------------------------------- reading values


def _read(name: str, text: str, like: Any) -> Any:
    try:
        return read_as(like, text)
    except ValueError:
        default = show(like) or "empty"
        raise UserError(f"{PREFIX}{name}={text}: not {describe_type(like)} (default: {default})") from None


# --------------------------------------------------------------------------------------------------- the config file


def _split_argument(name: str) -> tuple[str, str | None]:
    if name.endswith(".py"):
        return name, None
    path, colon, argument = name.rpartition(".py:")
    if not colon:
        raise UserError(f"--config={name}: name a Python file, as in --config=FILE.py or --config=FILE.py:argument")
    return path + ".py", argument


def _get_config_function(path: str) -> Callable[..., Any]:
    if not os.path.isfile(path):
        raise UserError(f"--config={path}: no such file in {os.getcwd()}{_nearest_file(path)}")
    spec = importlib.util.spec_from_file_location("alignment_config_file", path)
    module = importlib.util.module_from_spec(spec)
    with _mistakes_of(path):
        spec.loader.exec_module(module)
    if not callable(getattr(module, "get_config", None)):
        raise UserError(f"{path}: defines no get_config(); a config file needs one that returns a ConfigDict")
    return module.get_config


def _nearest_file(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return ""
    names = [name for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    nearest = difflib.get_close_matches(os.path.basename(path), names, n=1, cutoff=0.0)
    return f"; did you mean {os.path.join(os.path.dirname(path), nearest[0])}?" if nearest else ""


@contextlib.contextmanager
def _mistakes_of(path: str) -> Iterator[None]:
    """Turn whatever a config file raises into a `UserError` that names the line; one of the file keeps its message."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:
        frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        line = error.lineno if isinstance(error, SyntaxError) else (frames or [None])[-1]
        position = f"{path}, line {line}" if line else path
        raise UserError(f"{position}: {type(error).__name__}: {error}; correct the config file") from error


def _check_leaves(config: ConfigDict, schema: ConfigDict, path: str) -> None:
    known, set_leaves = leaves(schema), leaves(config)
    for name, value in set_leaves.items():
        if name in RENAMED:
            raise UserError(f"{path} sets config.{name}, which is called config.{RENAMED[name]} now")
        if name not in known:
            nearest = _nearest(name, known)[0]
            raise UserError(f"{path} sets config.{name}, which nothing reads; the nearest is config.{nearest}")
        kinds = {type(item) for item in known[name] or ("",)} if isinstance(known[name], tuple) else set()
        items = value if isinstance(value, tuple) else ()
        if type(value) is not type(known[name]) or not {type(item) for item in items} <= kinds:
            raise UserError(f"{path} sets config.{name} to {value!r}; it must be {describe_type(known[name])}")
    missing = [name for name in known if name not in set_leaves]
    if missing:
        raise UserError(f"{path} lacks config.{missing[0]}; start from alignment.config.default_config()")


# ------------------------------------------------------------------------------------------------- flags and overrides


class _Parser(argparse.ArgumentParser):
    """argparse with exact flag names only, and `UserError` in place of its usage dump."""

    leaves_read: tuple[str, ...] = ()  # what --help lists; empty: every leaf

    def __init__(self, has_config: bool = True, **kwargs):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)
        self.set_defaults(config_file="", print_config=False)
        self.add_argument("--quiet", action="store_true", help="print results and warnings only, no progress")
        if has_config:
            self.add_argument(
                "--config", dest="config_file", default="", metavar="FILE.py[:argument]", help="file with get_config()"
            )
            text = "print the configuration with every leaf, as a file that --config reads, and end"
            self.add_argument("--print_config", action="store_true", help=text)

    def error(self, message: str):
        raise UserError(f"{message}; --help lists the flags")


def _add_plain_flags(parser: argparse.ArgumentParser, add_flags: AddFlags | None, needs_workdir: bool) -> None:
    if needs_workdir:
        text = "required: results and checkpoints; a run in the same folder resumes (local or gs://)"
        parser.add_argument("--workdir", metavar="FOLDER", help=text)
    if add_flags is not None:
        add_flags(parser)


def _split_overrides(argv: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Separate `--config.a.b=value` and `--config.a.b value` from the plain flags."""
    overrides, rest = [], []
    arguments: Iterator[str] = iter(argv)
    for argument in arguments:
        if not argument.startswith(PREFIX):
            rest.append(argument)
            continue
        name, equals, text = argument.partition("=")
        text = text if equals else next(arguments, None)
        if text is None or (not equals and text.startswith("--")):
            raise UserError(f"{name} needs a value: write {name}=VALUE")
        overrides.append((name.removeprefix(PREFIX), text))
    return overrides, rest


def _unknown_leaf(name: str, kinds: dict[str, Any]) -> str:
    if name in RENAMED:
        return f"{PREFIX}{name} is called {PREFIX}{RENAMED[name]} now"
    inside = [leaf for leaf in kinds if leaf.startswith(name + ".")]
    if inside:
        return f"{PREFIX}{name} is a group, not a leaf; set one of its leaves, for example {PREFIX}{inside[0]}"
    return f"unknown override {PREFIX}{name}; did you mean {_names(name, kinds)}?"


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    """The names ending in the same word where there are any (`steps` -> `grpo.steps`), else the closest spelling.

    A name whose first part is right (`sft.steps`) is answered from the same group.
    """
    names = list(names)
    group, last = name.split(".")[0], name.split(".")[-1]
    pool = [known for known in names if known.startswith(group + ".")] or names
    same_word = [known for known in pool if known.split(".")[-1] == last]
    spelt = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    return same_word or spelt or difflib.get_close_matches(name, pool, n=1, cutoff=0.0)


def _unknown_flag(flag: str, parser: argparse.ArgumentParser, schema: ConfigDict) -> str:
    if not flag.startswith("-"):
        return f"unexpected argument {flag!r}; every argument is a flag, see --help"
    name = flag.split("=")[0]
    plain = [option for option in parser._option_string_actions if option.startswith("--")]
    close = difflib.get_close_matches(name, plain, n=1, cutoff=0.7)
    return f"unknown flag {name}; did you mean {close[0] if close else _names(name.lstrip('-'), leaves(schema))}?"


def _names(name: str, kinds: Iterable[str]) -> str:
    return " or ".join(PREFIX + leaf for leaf in _nearest(name, kinds))


def _leaf_help(config: ConfigDict, file: str, read: tuple[str, ...] = ()) -> str:
    """The leaves under the headings of their groups, each with its value and, on the next line, what it is."""
    values, group, lines = leaves(config), "", []
    if values:
        which = "leaves of the configuration that this command reads" if read else "configuration"
        lines = [f"{which}, with the values of {file or 'the defaults'}:"]
    for name in sorted(values, key=list(LEAVES | values).index):  # in the order of the declarations
        if read and not any(f"{name}.".startswith(f"{one}.") for one in read):
            continue
        declared = LEAVES.get(name)
        if declared and heading(name, declared) != group:
            group = heading(name, declared)
            lines += ["", f"{group}: {GROUPS[group]}"]
        lines.append(f"  {PREFIX}{name}={show(values[name])}")
        if declared:
            default = "" if values[name] == declared.default else f"default: {show(declared.default) or 'empty'}"
            notes = "; ".join(filter(None, (describe_range(declared, names_of(declared.registry)), default)))
            lines.append(f"      {declared.help}" + (f" ({notes})" if notes else ""))
    return "\n".join(lines)
