"""One line of the page: what a summary says of its run. Summaries are read as if a stranger had written them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from engagement.contract.arguments import DRY_RUN
from engagement.contract.dates import parse_date
from engagement.contract.errors import DocumentError
from engagement.contract.outcomes import Outcomes
from engagement.contract.strict_model import StrictModel, parse
from engagement.contract.summary import Status
from engagement.ui.run_keys import RunLocation

MAX_SUMMARY_BYTES = 2_000_000
MAX_TEXT_LENGTH = 600
MAX_NUMBER = 10**12


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"


Text = Annotated[str, AfterValidator(_cut)]
Rows = Annotated[int, Field(ge=0, le=MAX_NUMBER, description="a count")]
Amount = Annotated[float, Field(ge=0, le=MAX_NUMBER)]


class _Latency(StrictModel, extra="ignore"):
    p95: Amount | None


class RunSummary(StrictModel, extra="ignore"):
    """What the page shows of a summary; see `engagement.contract.summary`."""

    version: Literal[1]  # a later one is added, for those of old runs stay in the bucket
    score_date: Text
    run_id: Text
    mode: Text
    status: Status
    headline: Text
    rows: Rows
    outcomes: Outcomes
    unaccounted: Rows
    not_reached: Rows
    latency_ms: _Latency
    cost_usd: Amount | None

    @field_validator("score_date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        return parse_date(value).isoformat()


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose summary can be read, and when it was written."""

    location: RunLocation
    written: datetime
    summary: RunSummary

    @property
    def score_date(self) -> str:
        """The day whose scores the run delivered."""
        return self.summary.score_date

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Rows of every outcome, `unaccounted` last."""
        return {**self.summary.outcomes.by_name(), "unaccounted": self.summary.unaccounted}

    @property
    def p95_ms(self) -> float | None:
        """Milliseconds within which 95 % of the requests were answered; None without answers."""
        return self.summary.latency_ms.p95

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing was to be sent."""
        return self.summary.mode == DRY_RUN

    @property
    def kind(self) -> str:
        """`failed`, `planned` (a dry run) or `success`, as in the report."""
        if self.summary.status == "failed":
            return "failed"
        return "planned" if self.is_dry_run else "success"


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A run whose summary cannot be read, and why, as the end of a sentence."""

    location: RunLocation
    written: datetime
    why: str

    @property
    def score_date(self) -> str:
        """The date that the key tells, else the day on which the summary was written."""
        return self.location.day or self.written.date().isoformat()


def read(location: RunLocation, written: datetime, body: bytes | None) -> Run | UnreadableRun:
    """Return what the summary says; never raises, whatever the bytes are.

    :param body: None when the object is gone
    """
    try:
        line = parse(RunSummary, _readable(body))
        if not location.is_dry_run and line.score_date != location.folder:
            raise DocumentError([f"its score_date is {line.score_date}, which is not the date of its key"])
    except DocumentError as error:
        return UnreadableRun(location, written, str(error))
    return Run(location, written, line)


def _readable(body: bytes | None) -> bytes:
    if body is None:
        raise DocumentError(["it is gone"])
    if len(body) > MAX_SUMMARY_BYTES:
        raise DocumentError([f"it has more than {MAX_SUMMARY_BYTES:,} bytes"])
    return body
