"""Log-probabilities from hidden states and a frozen head, never keeping [tokens, vocabulary] logits."""
