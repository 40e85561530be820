"""Check that this machine can run the project, and say which recipes of configs/ fit it.

    python -m alignment.doctor --configs=configs

It checks the versions of the packages, the devices and their results, the memory, the disk, the caches and the Hub.
Then it plans every recipe of the folder: the compiler reports the memory of its updates, without making an array of the
model's size. `--config=FILE.py[:argument]` with any `--config.a.b=value` plans that one recipe, and `--machine=h100`
plans for that chip. `--dry_run` of `alignment.ablate` states time and disk as well. Exit status 1 means that something
essential is broken; a warning names what will not work.
"""

from __future__ import annotations

import argparse
import dataclasses
import glob
import importlib.metadata
import json
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

# Only the standard library is imported at the top: a missing or old package is a finding and must not end the program.
# The checks import what they check.

OK, WARNING, BROKEN = "ok", "warning", "broken"
DISTRIBUTION = "clinical-alignment"
LEAST_DISK = 2 * 2**30  # bytes: checkpoints and a report of a small base
LEAST_MEMORY = 3 * 2**30  # bytes: the demonstration
HUB_SECONDS = 5.0
CONFIGS = "configs"
PROBE = "Qwen/Qwen2.5-0.5B-Instruct"
# The leaves that the plan of a recipe depends on, which --help lists.
LEAVES_READ = (
    *("model.path", "model.dtype", "model.remat", "prompt.max_tokens"),
    *("sft.batch_size", "sft.micro_batches", "sft.max_tokens"),
    *(f"grpo.{name}" for name in ("prompts", "group_size", "minibatches", "micro_batches", "max_new_tokens")),
    *("rollout.sequences", "parallel.devices"),
)


@dataclasses.dataclass(frozen=True)
class Check:
    """One finding: what was checked, its state, and the remedy where it is not ok."""

    name: str
    state: str
    detail: str
    remedy: str = ""


def check_packages(requirements: Sequence[str] | None = None) -> Iterator[Check]:
    """Compare every installed package with the requirements of this one, without extras.

    `requirements` are lines such as "jax>=0.10.2"; None takes those of the installed distribution.
    """
    from packaging.requirements import Requirement

    if requirements is None:
        try:
            requirements = importlib.metadata.requires(DISTRIBUTION) or []
        except importlib.metadata.PackageNotFoundError:
            remedy = "pip install -e . in the checkout, or pip install the wheel"
            yield Check(DISTRIBUTION, BROKEN, "not installed in this environment", remedy)
            return
    wanted = [Requirement(line) for line in requirements]
    problems = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append((requirement, "is missing"))
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            problems.append((requirement, f"is {version}"))
    for requirement, state in problems:
        needed = f"{requirement.name}{requirement.specifier}"
        yield Check(requirement.name, BROKEN, f"{state}, needed {requirement.specifier}", f"pip install '{needed}'")
    if not problems:
        names = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "transformers", "huggingface-hub")
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
        yield Check("packages", OK, f"Python {sys.version.split()[0]}, {versions}")


def check_devices() -> Iterator[Check]:
    """List the devices, let the first one multiply two matrices, and look for accelerators that JAX does not use."""
    import jax
    import jax.numpy as jnp

    try:
        devices = jax.devices()
    except Exception as error:  # JAX raises RuntimeError or AssertionError, depending on platform and version
        platform = os.environ.get("JAX_PLATFORMS") or "the default platform"
        remedy = "install the extra for it ('.[cuda]' or '.[tpu]') or unset JAX_PLATFORMS"
        yield Check("devices", BROKEN, f"{platform} cannot be started: {' '.join(str(error).split())[:200]}", remedy)
        return
    yield Check("devices", OK, f"{len(devices)} x {devices[0].device_kind} ({jax.default_backend()})")
    side = 256
    product = jnp.ones((side, side), jnp.bfloat16) @ jnp.ones((side, side), jnp.bfloat16)
    right = bool((product == side).all())
    remedy = "" if right else "update the driver, or set JAX_PLATFORMS=cpu"
    yield Check("arithmetic", OK if right else BROKEN, f"a {side} x {side} bfloat16 product is {right}", remedy)
    for name, pattern, extra in (("an NVIDIA GPU", "/dev/nvidia[0-9]*", "cuda"), ("a TPU", "/dev/accel*", "tpu")):
        if jax.default_backend() == "cpu" and glob.glob(pattern):
            yield Check("accelerator", WARNING, f"{name} is there and JAX uses the CPU", f"pip install -e '.[{extra}]'")


def check_base() -> Iterator[Check]:
    """Load the embedded base and check that its logits of one prompt are finite."""
    import jax.numpy as jnp

    from alignment.errors import UserError
    from alignment.models import qwen2
    from alignment.models.config import read_config
    from alignment.models.hf import load_params, resolve_folder

    try:
        folder = resolve_folder("")
        config = read_config(folder)
        params = load_params(folder, config)
    except UserError as error:
        yield Check("embedded base", BROKEN, str(error), "reinstall the package")
        return
    hidden = qwen2.hidden_states(params, config, jnp.arange(1, 9)[None])
    finite = bool(jnp.isfinite(qwen2.logits(params, hidden)).all())
    detail = f"{config.num_hidden_layers} layers, logits {'finite' if finite else 'not finite'}"
    yield Check("embedded base", OK if finite else BROKEN, detail, "" if finite else "reinstall the package and jaxlib")


def check_memory() -> Iterator[Check]:
    """Report total and available memory of the host, and the memory of the first accelerator where there is one."""
    import jax

    from alignment.benchmarks.fit.recipe import available_bytes, host_memory

    total, available = host_memory()
    enough = available >= LEAST_MEMORY
    remedy = "" if enough else f"close other programs: the demonstration needs {_gib(LEAST_MEMORY)}"
    yield Check("memory", OK if enough else WARNING, f"{_gib(available)} of {_gib(total)} available", remedy)
    if jax.default_backend() != "cpu":
        yield Check("device memory", OK, f"{_gib(available_bytes())} on {jax.local_devices()[0].device_kind}")


def check_disk(workdir: str) -> Iterator[Check]:
    """Check free space and write access of the folder for results and of the system's scratch folder."""
    for name, folder in (("workdir", workdir), ("scratch", tempfile.gettempdir())):
        yield _check_folder(name, folder, essential=True)


def check_caches() -> Iterator[Check]:
    """Check the folders for downloads, tokenised records and compiled programs; a run works without the last two."""
    from huggingface_hub import constants

    from alignment.data.tokens import user_cache

    yield _check_folder("Hub cache", constants.HF_HUB_CACHE, essential=False)
    yield _check_folder("token cache", str(user_cache()), essential=False)
    compiled = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if compiled:
        yield _check_folder("compilation cache", compiled, essential=False)


def _check_folder(name: str, folder: str, essential: bool) -> Check:
    path = pathlib.Path(folder).absolute()
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    state = BROKEN if essential else WARNING
    if not existing.is_dir():
        return Check(name, state, f"{existing} is a file", "name a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return Check(name, state, f"{existing} cannot be written: {error.strerror}", "choose another folder")
    if free < LEAST_DISK:
        return Check(name, WARNING, f"{folder}: {_gib(free)} free", f"free some space: less than {_gib(LEAST_DISK)}")
    return Check(name, OK, f"{folder}: {_gib(free)} free")


def check_hub() -> Iterator[Check]:
    """Request the description of one public model from the Hub; only Hub ids and `hf://` data need the Hub."""
    import huggingface_hub
    from huggingface_hub import constants, errors

    token = "a token is set" if huggingface_hub.get_token() else "no token is set"
    if constants.HF_HUB_OFFLINE:
        yield Check("Hub", WARNING, "HF_HUB_OFFLINE is set: only cached files can be loaded", "unset it to download")
        return
    try:
        huggingface_hub.HfApi().model_info(PROBE, timeout=HUB_SECONDS)
    except errors.HfHubHTTPError as error:
        code = error.response.status_code if error.response is not None else "no status"
        remedy = "check HF_TOKEN" if code in (401, 403) else "try later, or use local folders"
        yield Check("Hub", WARNING, f"{constants.ENDPOINT} answers {code} for {PROBE} ({token})", remedy)
    except Exception as error:  # httpx, OSError, ValueError: every cause is the same finding
        reason = f"{constants.ENDPOINT} cannot be reached ({type(error).__name__})"
        yield Check("Hub", WARNING, reason, "go online or use local folders; the embedded base needs no Hub")
    else:
        yield Check("Hub", OK, f"{constants.ENDPOINT} answers ({token})")


def check_loggers() -> Iterator[Check]:
    """Report which of the optional loggers are installed."""
    for name, flag in (("tensorboardX", "log.tensorboard"), ("wandb", "log.wandb")):
        try:
            yield Check(name, OK, f"{importlib.metadata.version(name)}, for --config.{flag}=true")
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, OK, f"not installed; --config.{flag}=true needs pip install -e '.[log]'")


# ------------------------------------------------------------------------------------------------------------- recipes


def recipes(folder: str) -> Iterator[tuple[str, Any]]:
    """Yield (name, config) of every experiment of a folder of configuration files, one for each argument of a file.

    A file names its arguments as the keys of `RECIPES` or `VARIANTS`. Files for `alignment.build_data` are left out.
    """
    from alignment import cli
    from alignment.config import default_config
    from alignment.errors import UserError

    for path in sorted(pathlib.Path(folder).glob("*.py")):
        arguments = config_arguments(path)
        for name in [f"{path}:{argument}" for argument in arguments] or [str(path)]:
            try:
                yield name, cli.load_config(name, default_config())
            except UserError:
                continue  # the file of a data set, which has other leaves


def config_arguments(path: pathlib.Path) -> list[str]:
    """Return the arguments that a configuration file takes: the keys of its `RECIPES` or `VARIANTS`."""
    import runpy

    names = runpy.run_path(str(path))
    return list(names.get("RECIPES") or names.get("VARIANTS") or ())


def plan_recipes(named: Sequence[tuple[str, Any]], machine: str = "") -> Iterator[Check]:
    """Plan each recipe for this machine or one chip of a named one, and yield its line as soon as it is planned.

    Recipes of one file that differ in nothing that affects memory share a plan and a line.
    """
    from alignment.benchmarks.fit.recipe import available_bytes, plan_recipe
    from alignment.benchmarks.machines import MACHINES
    from alignment.common.progress import each

    available = MACHINES[machine].memory if machine else available_bytes()
    plans, lines = {}, {}
    for name, config in named:
        file, _, argument = name.partition(".py:")
        lines.setdefault((f"{file}.py" if argument else file, _shape(config)), (config, []))[1].append(argument)
    for (file, shape), (config, arguments) in each(lines.items(), "planning", "recipe"):
        if shape not in plans:
            plans[shape] = plan_recipe(config, available)
        yield _verdict(f"{file}:{','.join(arguments)}" if arguments[0] else file, config, plans[shape])


def _shape(config: Any) -> str:
    grpo, sft = config.grpo, config.sft
    numbers = [grpo[name] for name in ("prompts", "group_size", "minibatches", "micro_batches", "max_new_tokens")]
    numbers += [sft[name] for name in ("batch_size", "micro_batches", "max_tokens")]
    return json.dumps([config.model.to_dict(), config.prompt.max_tokens, config.rollout.to_dict(), *numbers])


def _verdict(name: str, config: Any, plan: Any) -> Check:
    if plan is None:
        return Check(name, WARNING, f"{config.model.path}: a model of unknown size", "download it and name the folder")
    largest = plan.largest
    detail = f"{largest.part} needs {_gib(largest.bytes)} of {_gib(plan.available)}"
    if plan.fits:
        return Check(name, OK, f"fits: {detail}")
    remedies = {
        "loading the weights": "use a smaller size or a machine with more memory",
        "a rollout": "lower --config.rollout.sequences or grpo.max_new_tokens, or use a smaller size",
        "a GRPO update": "raise --config.grpo.micro_batches, or lower grpo.group_size or grpo.max_new_tokens",
        "an SFT update": "raise --config.sft.micro_batches or lower sft.max_tokens",
    }
    return Check(name, WARNING, f"does not fit: {detail}", remedies[largest.part])


# ---------------------------------------------------------------------------------------------------------- entry point


def run(args: argparse.Namespace) -> None:
    """Run every check, print it as soon as it is known, and exit with status 1 if something essential is broken."""
    from alignment.common.progress import warn

    checks = [*check_packages(), *check_disk(args.workdir or "."), *check_caches(), *check_hub(), *check_loggers()]
    checks += check_devices()
    if not is_broken(checks):  # these compute
        checks += [*check_base(), *check_memory()]
    if not args.json:
        warn(text(checks))
    for check in () if is_broken(checks) else check_recipes(args):
        checks.append(check)
        if not args.json:
            warn(text([check]))
    if args.json:
        print(json.dumps([dataclasses.asdict(check) for check in checks]))
    if is_broken(checks):
        sys.exit(1)


def check_recipes(args: argparse.Namespace) -> Iterator[Check]:
    """Plan the recipe of `--config`, or those of the folder `--configs`, or the defaults where there is none."""
    if args.config_file:
        return plan_recipes([(args.config_file, args.config)], args.machine)
    if os.path.isdir(args.configs):
        return plan_recipes(list(recipes(args.configs)), args.machine)
    if args.configs != CONFIGS:
        remedy = "name the folder configs/ of a checkout"
        return iter([Check("recipes", WARNING, f"--configs={args.configs}: no such folder", remedy)])
    return plan_recipes([("the defaults", args.config)], args.machine)


def is_broken(checks: Sequence[Check]) -> bool:
    """Return whether something essential is broken."""
    return any(check.state == BROKEN for check in checks)


def text(checks: Sequence[Check]) -> str:
    """Return the findings as lines, with the remedy below a finding that is not ok."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.state:8} {check.name:{width}}  {check.detail}")
        if check.remedy:
            lines.append(f"{'':8} {'':{width}}  -> {check.remedy}")
    return "\n".join(lines)


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags beside --config."""
    from alignment import cli
    from alignment.benchmarks.machines import MACHINES

    text = f"folder of the recipes to plan (default: {CONFIGS} where there is one, else the defaults alone)"
    parser.add_argument("--configs", default=CONFIGS, metavar="FOLDER", help=text)
    parser.add_argument("--workdir", default="", metavar="FOLDER", help="where results would go (default: this folder)")
    text = "plan the recipes for one chip that is not at hand"
    parser.add_argument("--machine", default="", choices=("", *MACHINES), help=text)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    cli.limit_help(parser, LEAVES_READ)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    packages = list(check_packages())
    if is_broken(packages):  # the other checks would end in a traceback
        print(text(packages))
        return 1
    from alignment import cli

    return cli.main(run, description=__doc__, add_flags=add_flags, needs_workdir=False, resumes=False, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
