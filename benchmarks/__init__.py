"""Side-by-side measurements: all contestants do the same work in the same run, and only ratios are quoted."""
