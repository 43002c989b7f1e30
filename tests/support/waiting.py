"""Waiting for a condition in tests."""

import time
from collections.abc import Callable

MAX_WAIT_SECONDS = 600.0
"""Timeout of a wait. It is long because a small machine may run other suites at the same time."""


def wait_until(
    condition: Callable[[], bool],
    what: str,
    state: Callable[[], str] = lambda: "",
    *,
    every: float = 1.0,
    limit: float = MAX_WAIT_SECONDS,
) -> None:
    """Wait until a condition is true.

    :param what: what is waited for, for the error message
    :param state: returns the current state, for the error message
    :param every: seconds between two checks
    :param limit: timeout in seconds
    :raises TimeoutError: when the condition is not true in time
    """
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit:.0f} s for {what}; {state()}")
        time.sleep(every)
