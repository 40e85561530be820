"""Two composable LoRA adapters, *reasoning* and *reward*, on a frozen Qwen2.5 for clinical question answering.

Research only; not for patient care.
"""

__version__ = "0.1.0"

import sys

from alignment.common.surroundings import check_versions
from alignment.errors import UserError

try:
    check_versions()
except UserError as error:
    if sys.argv[0] != "-m":  # imported by a program or a notebook
        raise
    print(f"error: {error}", file=sys.stderr)  # `python -m alignment...`, whose modules could not even be imported
    sys.exit(2)
