"""Two composable LoRA adapters, *reasoning* and *reward*, on a frozen Qwen2.5 for clinical question answering.

Research only; not for patient care.
"""

__version__ = "0.1.0"
