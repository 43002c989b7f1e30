"""Side-by-side measurements: all contestants do the same work in the same run; quote ratios, not absolute figures."""
