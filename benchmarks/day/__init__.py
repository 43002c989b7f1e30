"""A day end to end under a real scheduler, and the import of the DAG."""
