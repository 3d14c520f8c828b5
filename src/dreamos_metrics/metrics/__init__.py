"""Metrics in this process: types, families, values. The ground floor."""
