"""Side-by-side measurements: every contestant faces the same server in the same run, and only ratios are quoted."""
