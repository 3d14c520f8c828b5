"""Benchmarks: each package prints a table of ratios, ours beside what people use today."""
