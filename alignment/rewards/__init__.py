"""Rewards: scores of parsed responses on named channels, normalised and weighted into one reward."""
