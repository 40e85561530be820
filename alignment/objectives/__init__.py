"""Advantages, policy losses, KL estimators and the SFT loss: small pure functions."""
