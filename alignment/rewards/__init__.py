"""Rewards: scores of parsed responses on named channels, normalised and weighted into one reward."""

from alignment.rewards import channels  # noqa: F401 - registers every channel
