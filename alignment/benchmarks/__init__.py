"""What `alignment.bench` measures and how: settings, suites, clocks, peak memory, counted operations, results."""
