"""The operators of the DAG, one in each file."""
