"""Sources of records, chains of thought, splits and batches."""
