"""Which updates fit which TPU, by the TPU compiler's own count and without a TPU: `alignment.bench --suite=fit`."""
