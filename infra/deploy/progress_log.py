"""Lines that tell how far a deployment is: each step at once, waiting now and then."""

import time
from collections.abc import Callable
from typing import TextIO

from infra.deploy.errors import DeployError

_TERMINAL_SECONDS = 5.0
_LOG_SECONDS = 60.0
_FIRST_SECONDS, _SLOWER, _LAST_SECONDS = 0.25, 1.5, 5.0


class ProgressLog:
    """Lines with the seconds since the start.

    :param terminal: whether a person looks on; lines about waiting come every 5 s then, and once a minute in a log
    """

    def __init__(self, out: TextIO, *, terminal: bool) -> None:
        self._out = out
        self._every = _TERMINAL_SECONDS if terminal else _LOG_SECONDS
        self._start = self._last_written = time.monotonic()

    def write(self, text: str) -> None:
        """Write one line now."""
        self._last_written = time.monotonic()
        self._out.write(f"{self._last_written - self._start:7.1f} s  {text}\n")
        self._out.flush()

    def write_waiting(self, text: str) -> None:
        """Write the line when none has been written for a while."""
        if time.monotonic() - self._last_written >= self._every:
            self.write(text)

    def wait_until_done(self, poll: Callable[[], str | None], timeout_seconds: float, advice: str) -> None:
        """Look again and again until there is nothing to wait for.

        :param poll: says what is waited for, None once that is over
        :param advice: what to do when it takes too long
        :raises DeployError: after so many seconds
        """
        deadline = time.monotonic() + timeout_seconds
        pause = _FIRST_SECONDS
        while (what := poll()) is not None:
            if time.monotonic() > deadline:
                raise DeployError(f"waited {timeout_seconds / 60:.0f} min: {what}. {advice}")
            self.write_waiting(what)
            time.sleep(pause)
            pause = min(pause * _SLOWER, _LAST_SECONDS)
