"""Whose CPU time is whose: what the stack leaves behind counts as the benchmark's own, not as other programs'.

The kernel adds the time of a process to that of whoever waits for it. Java and Spark's Python workers outlive those who
started them, and nobody would. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

_ADOPT = 36  # PR_SET_CHILD_SUBREAPER, see prctl(2)


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Until the block is left, processes whose parents have ended become this one's; then wait for those that ended."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_ADOPT, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_ADOPT, 0, 0, 0, 0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
