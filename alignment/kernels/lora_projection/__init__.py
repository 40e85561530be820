"""One projection of a layer with the low-rank updates of its adapters."""
