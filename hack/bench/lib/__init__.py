"""What the benchmarks share: the machine's counters, Prometheus text, figures, tables. Standard library only."""
