"""Benchmarks: ratios measured in one run, printed, and never a gate on absolute time."""
