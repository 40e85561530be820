"""The clinical knowledge base: conditions, findings, drugs and what rules them out. Research only."""
