"""The DAG's own operators, one per module."""
