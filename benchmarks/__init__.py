"""Side-by-side measurements: every contestant faces the same work in the same run, and only ratios are quoted."""
