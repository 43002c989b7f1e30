"""One line of the page: what a summary says of its run. Summaries are read as if a stranger had written them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from engagement import manifests
from engagement.dashboard_keys import Place
from engagement.dates import parse_date
from engagement.push_mode import DRY_RUN

MOST_BYTES = 2_000_000
MOST_TEXT = 600
MOST_NUMBER = 10**12
STATUSES = ("success", "failed")
VERSIONS = (1,)  # of summaries; a later one is added, for those of old runs stay in the bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run whose summary can be read.

    :param written: when the summary was written
    :param outcomes: rows of every outcome, `unaccounted` last
    :param p95_ms: 95 % of the requests were answered within, in ms; None without answers
    :param cost_usd: estimate in US dollars, None when it is not known
    """

    place: Place
    written: datetime
    score_date: str
    run_id: str
    mode: str
    status: str
    headline: str
    rows: int
    outcomes: Mapping[str, int]
    not_reached: int
    p95_ms: float | None
    cost_usd: float | None

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing was to be sent."""
        return self.mode == DRY_RUN

    @property
    def kind(self) -> str:
        """`failed`, `planned` (a dry run) or `success`, as in the report."""
        if self.status == "failed":
            return "failed"
        return "planned" if self.is_dry_run else "success"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A run whose summary cannot be read, and why, as the end of a sentence."""

    place: Place
    written: datetime
    why: str

    @property
    def score_date(self) -> str:
        """The date that the key tells, else the day on which the summary was written."""
        return self.place.day or self.written.date().isoformat()


class _FaultError(ValueError):
    pass


def read(place: Place, written: datetime, body: bytes | None) -> Run | Unreadable:
    """Return what the summary says; never raises, whatever the bytes are.

    :param body: None when the object is gone
    """
    try:
        return _run(place, written, _object(body))
    except _FaultError as fault:
        return Unreadable(place, written, str(fault))


def _object(body: bytes | None) -> Mapping[str, Any]:
    if body is None:
        raise _FaultError("it is gone")
    if len(body) > MOST_BYTES:
        raise _FaultError(f"it has more than {MOST_BYTES:,} bytes")
    try:
        parsed = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _FaultError("it is no JSON") from None
    if not isinstance(parsed, dict):
        raise _FaultError("it is no JSON object")
    if parsed.get("version") not in VERSIONS:
        found, wanted = str(parsed.get("version"))[:20], " or ".join(map(str, VERSIONS))
        raise _FaultError(f"its version is {found}, wanted {wanted}")
    return parsed


def _no_number(_: str) -> NoReturn:
    raise ValueError


def _run(place: Place, written: datetime, found: Mapping[str, Any]) -> Run:
    outcomes, latency = _mapping(found, "outcomes"), _mapping(found, "latency_ms")
    run = Run(
        place=place,
        written=written,
        score_date=_text(found, "score_date"),
        run_id=_text(found, "run_id"),
        mode=_text(found, "mode"),
        status=_text(found, "status"),
        headline=_text(found, "headline"),
        rows=_count(found, "rows"),
        outcomes={
            **{name: _count(outcomes, name) for name in manifests.OUTCOMES},
            "unaccounted": _count(found, "unaccounted"),
        },
        not_reached=_count(found, "not_reached"),
        p95_ms=_amount(latency, "p95"),
        cost_usd=_amount(found, "cost_usd"),
    )
    if run.status not in STATUSES:
        raise _FaultError(f"its status is {run.status[:20]!r}, wanted one of {', '.join(STATUSES)}")
    try:
        parse_date(run.score_date)
    except ValueError:
        raise _FaultError(f"its score_date is {run.score_date[:20]!r}, wanted a date") from None
    if not place.is_dry_run and run.score_date != place.folder:
        raise _FaultError(f"its score_date is {run.score_date}, which is not the date of its key")
    return run


def _mapping(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    if not isinstance(value, dict):
        raise _FaultError(f"{name} is no object")
    return value


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise _FaultError(f"{name} is no text")
    return value if len(value) <= MOST_TEXT else value[: MOST_TEXT - 1] + "…"


def _count(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if type(value) is not int or not 0 <= value <= MOST_NUMBER:
        raise _FaultError(f"{name} is no count")
    return value


def _amount(found: Mapping[str, Any], name: str) -> float | None:
    value = found.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= MOST_NUMBER or not math.isfinite(value):
        raise _FaultError(f"{name} is no amount")
    return float(value)
