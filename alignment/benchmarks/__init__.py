"""The measurements of `alignment.bench`: settings, suites, clocks, peak memory, counted operations, results."""
