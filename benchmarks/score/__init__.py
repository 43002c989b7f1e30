"""Job 1 beside others that read, score and write, and check nothing."""
