"""Online feedback: a reward model fitted to people's judgements on the frozen base's features."""
