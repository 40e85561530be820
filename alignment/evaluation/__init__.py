"""Accuracy, auditability and stability of trained arms, and the report that compares them."""
