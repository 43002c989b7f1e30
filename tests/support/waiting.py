"""Waiting for what must come."""

import time
from collections.abc import Callable

PATIENCE = 600.0
"""Seconds to wait for what must come: no measure of it, for a small machine may be busy with other suites."""


def wait_until(
    condition: Callable[[], bool],
    what: str,
    state: Callable[[], str] = lambda: "",
    *,
    every: float = 1.0,
    limit: float = PATIENCE,
) -> None:
    """Wait for a condition. Raises TimeoutError that says what was waited for, and how things stand."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit:.0f} s for {what}; {state()}")
        time.sleep(every)
