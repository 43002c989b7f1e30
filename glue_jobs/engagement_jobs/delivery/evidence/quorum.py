"""How many users are *several*: a fixed number, or all users of a smaller run."""

from __future__ import annotations

from engagement_jobs.delivery.evidence.run_policy import SEVERAL
from engagement_jobs.delivery.work_queue import WorkQueue


class Quorum:
    """Answers for one task.

    :param starts_run: the task has the first users of the run, and all of them if the run is small; a later task
        follows a canary that passed, so it has to see the full number
    """

    def __init__(self, queue: WorkQueue, *, starts_run: bool) -> None:
        self._queue, self._starts_run = queue, starts_run

    def several(self, users: int = SEVERAL) -> int:
        """Return `users`, or the number of users of the run if it has fewer."""
        total = self._queue.total if self._starts_run else None
        return users if total is None else max(1, min(users, total))
