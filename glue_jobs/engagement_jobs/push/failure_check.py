"""Decide whether the push job ends FAILED.

`max_failed_fraction` has one formula everywhere: (rejected + unknown + deferred) / rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.contract.outcomes import NOT_REACHED, OPEN, OWN_FAILURE, SETTLED
from engagement_jobs.delivery.stop_reasons import StopReason

_MOSTLY_REJECTED = 0.9
_MIN_SENT = 10
_MAX_REASONS = 3


@dataclass(frozen=True)
class FailureCheck:
    """When the job ends FAILED.

    The job fails if it was stopped, if at least 90 % of the users sent are rejected (from 10 users on), or if more
    users than allowed are rejected, unknown or deferred and a retry can send some of them. If all of them are rejected,
    a retry can send nothing: under Airflow the job ends SUCCEEDED and the summary task fails the run. A Glue workflow
    has no summary task, so there the job fails.

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
        if stopped or _are_mostly_rejected(outcomes):
            return True
        a_retry_can_help = _open(outcomes) > 0
        return _failed_fraction(outcomes) > self.max_failed_fraction and (a_retry_can_help or self.in_workflow)

    def raise_if_failed(self, manifest: Mapping[str, Any], stop_reason: StopReason | None, failed_csv: str) -> None:
        """Raise if the job must end FAILED.

        :param manifest: the delivery manifest, of which `outcomes` and `errors` are read
        :param failed_csv: URI of the file that lists the users who are rejected, unknown or deferred
        :raises DeliveryFailedError: the delivery was stopped, or too many users failed
        """
        outcomes: Mapping[str, int] = manifest["outcomes"]
        if not self.fails(outcomes, stopped=stop_reason is not None):
            return
        cause = stop_reason.detail if stop_reason is not None else self._cause(outcomes, manifest["errors"])
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
        advice = self._advice(outcomes, stopped=stop_reason is not None)
        raise DeliveryFailedError(
            f"{cause} {_open(outcomes):,} of {sum(outcomes.values()):,} users are open ({counts}). "
            f"Users and reasons: {failed_csv}. {advice}"
        )

    def _cause(self, outcomes: Mapping[str, int], errors: Sequence[Mapping[str, Any]]) -> str:
        problems = []
        failures = _count_reasons(errors, OPEN, OWN_FAILURE)
        answered = sum(outcomes.get(outcome, 0) for outcome in SETTLED)
        if _are_mostly_rejected(outcomes):
            rejected = _count_reasons(errors, ("rejected",))
            problems.append(
                f"The CRM rejected {outcomes['rejected']:,} of {_sent(outcomes):,} users sent, most often with "
                f"{max(rejected, key=rejected.__getitem__, default='an unknown reason')}: base_url, the scores or the "
                "user ids are likely wrong for this CRM."
            )
        elif failures and answered:
            problems.append(
                f"{failures.total():,} users kept failing ({_list_reasons(failures)}); the CRM answered {answered:,} "
                "others."
            )
        if not _are_mostly_rejected(outcomes):
            problems.append(
                f"{_failed_fraction(outcomes):.2%} of the users are rejected, unknown or deferred, at most "
                f"{self.max_failed_fraction:.2%} are allowed (max_failed_fraction)."
            )
        return " ".join(problems)

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


def _sent(outcomes: Mapping[str, int]) -> int:
    return sum(outcomes.get(outcome, 0) for outcome in (*SETTLED, *OPEN))


def _are_mostly_rejected(outcomes: Mapping[str, int]) -> bool:
    """Whether so many users are rejected that the cause is likely the run, not its users."""
    sent = _sent(outcomes)
    return sent >= _MIN_SENT and outcomes.get("rejected", 0) >= _MOSTLY_REJECTED * sent


def _count_reasons(errors: Sequence[Mapping[str, Any]], outcomes: Sequence[str], pattern: str = "") -> Counter[str]:
    """Count the users of error groups by reason.

    :param pattern: regular expression that the reason must match
    """
    reasons = Counter[str]()
    for group in errors:
        if group["outcome"] in outcomes and re.search(pattern, group["reason"]):
            reasons[group["reason"]] += group["count"]
    return reasons


def _list_reasons(reasons: Counter[str]) -> str:
    if len(reasons) == 1:
        return next(iter(reasons))
    largest = [f"{count:,} {reason}" for reason, count in reasons.most_common(_MAX_REASONS)]
    return ", ".join([*largest, "others"] if len(reasons) > _MAX_REASONS else largest)
