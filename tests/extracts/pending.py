"""Cases that the job does not handle yet."""

PENDING: set[str] = set()
