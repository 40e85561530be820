"""The data room: sources of records, chains of thought, splits and batches."""
