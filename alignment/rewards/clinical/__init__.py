"""Statements of a response checked against the knowledge base, for the clinical reward channels. A reconstruction."""
