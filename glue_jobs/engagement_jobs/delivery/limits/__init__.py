"""Limits on the requests of one task: rate, concurrency, retries, and the circuit breaker."""
