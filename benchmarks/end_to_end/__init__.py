"""One day from the moment its extract is visible to the moment its summary is written, under a real scheduler."""
