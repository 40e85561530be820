"""Run the five arms in miniature from the installed package, outside the repository, and look at what they left.

Usage: `python .ci/smoke.py EMPTY_FOLDER`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "data.sft.count": 64,
    "data.rl.count": 16,
    "data.eval.count": 16,
    "sft.epochs": 1,
    "sft.batch_size": 16,
    "grpo.steps": 2,
    "grpo.prompts": 2,
    "grpo.group_size": 4,
    "grpo.max_new_tokens": 32,
    "eval.max_new_tokens": 32,
}
ARMS = {"base", "sft_cot", "grpo_only", "monolithic", "modular"}


def main(folder: Path) -> None:
    """Run in `folder` and exit with a message when something is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    overrides = [f"--config.{name}={value}" for name, value in TINY.items()]
    command = [sys.executable, "-m", "alignment.ablate", f"--config={ROOT / 'configs' / 'demo.py'}", "--workdir=run"]
    subprocess.run([*command, *overrides], cwd=folder, check=True)
    rows = json.loads((folder / "run" / "results.json").read_text(encoding="utf-8"))
    arms = {row["arm"].partition("@")[0] for row in rows}  # without the leaves of a variant
    if arms != ARMS:
        sys.exit(f"results.json has the arms {sorted(arms)}, expected {sorted(ARMS)}")
    if "<html" not in (folder / "run" / "report.html").read_text(encoding="utf-8"):
        sys.exit("report.html is not a page")
    print(f"smoke run: five arms in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
