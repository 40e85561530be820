"""Prompt templates, tokenizer and loss masks, the response parser, and the audit checks."""
