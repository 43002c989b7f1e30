"""Which users a run sends, as set by the job arguments; `send_plan` decides for each user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """Which users a run sends.

    :param score_date: date of the scores, YYYY-MM-DD
    :param run_id: id of the DAG run
    :param push_mode: one of `arguments.PUSH_MODES`
    :param resend_delivered: ignore the ledger entries of other runs, so that their delivered users are sent again
    :param limit: maximum number of users, in order of user id; None sends all
    """

    score_date: str
    run_id: str
    push_mode: str
    resend_delivered: bool = False
    limit: int | None = None

    @property
    def dry_run(self) -> bool:
        """Whether nothing is sent."""
        return self.push_mode == "dry_run"
