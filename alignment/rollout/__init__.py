"""Sampling completions for groups of prompts."""
