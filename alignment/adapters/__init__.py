"""LoRA trees: initialise, apply, compose, merge, and PEFT folders in and out."""
