"""The output of the deploy tool: a line for each step, and for long waits a line from time to time."""

import time
from collections.abc import Callable
from typing import TextIO

from infra.deploy.errors import DeployError

_TERMINAL_INTERVAL_SECONDS = 5.0
_LOG_INTERVAL_SECONDS = 60.0
_MIN_PAUSE_SECONDS, _PAUSE_FACTOR, _MAX_PAUSE_SECONDS = 0.25, 1.5, 5.0


class ProgressLog:
    """Writes lines that start with the seconds since the tool started.

    :param terminal: whether the output is a terminal: lines about waiting then appear every 5 s instead of every 60 s
    """

    def __init__(self, out: TextIO, *, terminal: bool) -> None:
        self._out = out
        self._interval_seconds = _TERMINAL_INTERVAL_SECONDS if terminal else _LOG_INTERVAL_SECONDS
        self._start = self._last_written = time.monotonic()

    def write(self, text: str) -> None:
        """Write one line now."""
        self._last_written = time.monotonic()
        self._out.write(f"{self._last_written - self._start:7.1f} s  {text}\n")
        self._out.flush()

    def write_text(self, text: str) -> None:
        """Write lines as they are, so that they can be copied from the output."""
        self._out.write(f"{text.rstrip()}\n")
        self._out.flush()

    def write_waiting(self, text: str) -> None:
        """Write the line unless another one was written recently."""
        if time.monotonic() - self._last_written >= self._interval_seconds:
            self.write(text)

    def wait_until_done(self, poll: Callable[[], str | None], timeout_seconds: float, advice: str) -> None:
        """Poll until there is nothing left to wait for.

        :param poll: returns what is still pending, None when it is done
        :param advice: what to do after a timeout; the last sentence of the error
        :raises DeployError: after `timeout_seconds`
        """
        deadline = time.monotonic() + timeout_seconds
        pause = _MIN_PAUSE_SECONDS
        while (pending := poll()) is not None:
            if time.monotonic() > deadline:
                raise DeployError(f"timed out after {timeout_seconds / 60:.0f} min: {pending}. {advice}")
            self.write_waiting(pending)
            time.sleep(pause)
            pause = min(pause * _PAUSE_FACTOR, _MAX_PAUSE_SECONDS)
