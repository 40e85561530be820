"""Scoring parsed responses on named channels, and weighting the channels into one reward."""
