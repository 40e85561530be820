"""Chains of thought for real questions, written by a teacher and kept where they pass every check."""
