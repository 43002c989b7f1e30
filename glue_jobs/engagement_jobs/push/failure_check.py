"""Decide whether the push job ends FAILED.

`max_failed_fraction` has one formula everywhere: (rejected + unknown + deferred) / rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.contract.outcomes import NOT_REACHED, OPEN
from engagement_jobs.delivery.stop_reasons import StopReason


@dataclass(frozen=True)
class FailureCheck:
    """When the job ends FAILED.

    The job fails if it was stopped, or if more users than allowed are rejected, unknown or deferred and a retry can
    send some of them. If all of them are rejected, a retry can send nothing: under Airflow the job ends SUCCEEDED and
    the summary task fails the run. A Glue workflow has no summary task, so there the job fails.

    :param max_failed_fraction: (rejected + unknown + deferred) / rows above this is a failure, 0.0 to 1.0
    :param in_workflow: whether a Glue workflow started the job
    """

    max_failed_fraction: float
    in_workflow: bool

    def fails(self, outcomes: Mapping[str, int], *, stopped: bool) -> bool:
        """Return whether the job must end FAILED.

        :param outcomes: number of rows by outcome, adding up to all rows; an outcome may be missing
        :param stopped: whether the delivery ended before all rows were sent
        """
        if stopped:
            return True
        a_retry_can_help = _open(outcomes) > 0
        return _failed_fraction(outcomes) > self.max_failed_fraction and (a_retry_can_help or self.in_workflow)

    def raise_if_failed(self, outcomes: Mapping[str, int], stop_reason: StopReason | None, failed_csv: str) -> None:
        """Raise if the job must end FAILED.

        :param failed_csv: URI of the file that lists the users who are rejected, unknown or deferred
        :raises DeliveryFailedError: the delivery was stopped, or too many users failed
        """
        if not self.fails(outcomes, stopped=stop_reason is not None):
            return
        if stop_reason is not None:
            cause = stop_reason.detail
        else:
            cause = (
                f"{_failed_fraction(outcomes):.2%} of the users are rejected, unknown or deferred, at most "
                f"{self.max_failed_fraction:.2%} are allowed (max_failed_fraction)."
            )
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
        advice = self._advice(outcomes, stopped=stop_reason is not None)
        raise DeliveryFailedError(
            f"{cause} {_open(outcomes):,} of {sum(outcomes.values()):,} users are open ({counts}). "
            f"Users and reasons: {failed_csv}. {advice}"
        )

    def _advice(self, outcomes: Mapping[str, int], *, stopped: bool) -> str:
        if not stopped and not _open(outcomes):
            return "A retry would send nothing. Fix the cause, then send the date with push_mode=retry_rejected."
        restart = "Start the workflow again for this date" if self.in_workflow else "Clear push_scores"
        advice = f"{restart}: it sends only the open users."
        if not stopped and outcomes.get("rejected"):
            advice += " To send the rejected users again, use push_mode=retry_rejected."
        return advice


def _failed_fraction(outcomes: Mapping[str, int]) -> float:
    rows = sum(outcomes.values())
    return sum(outcomes.get(outcome, 0) for outcome in NOT_REACHED) / rows if rows else 0.0


def _open(outcomes: Mapping[str, int]) -> int:
    return sum(outcomes.get(outcome, 0) for outcome in OPEN)
