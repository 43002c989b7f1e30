"""Job 1 beside others that do less: they read, score and write, and check nothing."""
