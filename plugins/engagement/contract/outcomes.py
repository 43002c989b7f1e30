"""Outcomes of scored rows. Every row ends in exactly one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import Field

from engagement.contract.strict_model import Count, StrictModel

Outcome = Literal["delivered", "rejected", "unknown", "deferred", "superseded", "unchanged", "planned"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
NOT_REACHED: tuple[Outcome, ...] = ("rejected", "unknown", "deferred")
"""Outcomes of users that were to be sent and whose score the CRM may not have."""


class Outcomes(StrictModel):
    """Number of rows by outcome. All outcomes are present."""

    delivered: Count
    rejected: Count
    unknown: Count
    deferred: Count
    superseded: Count
    unchanged: Count
    planned: Count

    @property
    def total(self) -> int:
        """Number of rows with any outcome."""
        return sum(self.by_name().values())

    @property
    def open(self) -> int:
        """Number of users whom the next attempt sends."""
        return self.unknown + self.deferred

    @property
    def not_reached(self) -> int:
        """Number of users that were to be sent and whose score the CRM may not have."""
        counts = self.by_name()
        return sum(counts[outcome] for outcome in NOT_REACHED)

    def by_name(self) -> dict[str, int]:
        """Return the number of rows by outcome as a dictionary."""
        return self.model_dump()


def bound(outcome: str, *, complete: bool) -> str:
    """Return the words before the number of rows of an outcome: empty, or ``at least`` or ``at most`` with a space.

    What is decided without a request is counted before the first one, so these numbers are always exact.

    :param outcome: an outcome, or ``unaccounted``
    :param complete: whether all outcomes were counted
    """
    if complete or outcome in ("superseded", "unchanged", "planned"):
        return ""
    return "at most " if outcome == "unaccounted" else "at least "


def not_reached_bound(rows: int, *, complete: bool) -> str:
    """Return the words before the number of users not reached: empty, or ``at most`` or ``at least`` with a space.

    :param rows: number of scored rows, 0 if it is unknown: then nothing limits the number of users not reached
    :param complete: whether all outcomes were counted
    """
    if complete:
        return ""
    return "at most " if rows else "at least "


class ErrorGroup(StrictModel):
    """Rows with the same outcome for the same reason.

    :param outcome: an outcome, or ``other`` for the group that contains the smallest ones
    :param reason: code, such as ``http_503`` or ``timeout``
    :param http_status: status of the response, None without a response
    :param detail: the problem type that the CRM reported (RFC 9457), or empty
    :param count: number of rows
    """

    outcome: Literal[Outcome, "other"]
    reason: str
    http_status: Annotated[int, Field(ge=0)] | None
    detail: str
    count: Count


def main_reasons(groups: Iterable[ErrorGroup], limit: int = 3) -> str:
    """Return the most frequent reasons on one line, such as ``http_422 (5), timeout (1)``.

    The line contains codes only, never text of the CRM.

    :param limit: number of reasons to list
    """
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.reason] += group.count
    if not counts:
        return "no reason was recorded"
    parts = [f"{reason} ({n:,})" for reason, n in counts.most_common(limit)]
    if len(counts) > limit:
        parts.append(f"{len(counts) - limit} more")
    return ", ".join(parts)
