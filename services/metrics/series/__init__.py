"""Series lists and their algebra: union, subset, selection, sums over processes."""
