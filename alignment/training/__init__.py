"""The stages: SFT and GRPO steps are pure, loops are thin; checkpoints and metrics."""
