"""The suites, one file each: `build(setting, against)` returns the cases to measure (see `benchmarks.registry`)."""
