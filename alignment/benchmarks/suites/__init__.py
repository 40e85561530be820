"""The suites, one file each: `build(setting)` gives the cases to measure (see `benchmarks.registry`)."""
