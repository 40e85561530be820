"""Which updates fit which TPU, as the TPU compiler counts and without a TPU: `alignment.bench --suite=fit`."""
