"""Attention of a group of completions over their one prompt and themselves."""
