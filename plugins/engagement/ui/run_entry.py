"""One row of the dashboard: the fields it shows of a summary. Summaries are untrusted input here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from engagement.contract.arguments import DRY_RUN
from engagement.contract.dates import parse_date
from engagement.contract.errors import DocumentError
from engagement.contract.expected import Expected
from engagement.contract.outcomes import Outcomes, not_reached_bound
from engagement.contract.strict_model import StrictModel, parse
from engagement.contract.summary import Status
from engagement.ui.run_keys import RunLocation

MAX_SUMMARY_BYTES = 2_000_000
MAX_TEXT_LENGTH = 600
MAX_NUMBER = 10**12


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"


Text = Annotated[str, AfterValidator(_cut)]
RowCount = Annotated[int, Field(ge=0, le=MAX_NUMBER), Expected("a count")]
Amount = Annotated[float, Field(ge=0, le=MAX_NUMBER)]


class _Latency(StrictModel, extra="ignore"):
    p95: Amount | None


class RunSummary(StrictModel, extra="ignore"):
    """The fields of `engagement.contract.summary.Summary` that the dashboard shows."""

    version: Literal[1]  # add later versions here: the bucket keeps the summaries of old runs
    score_date: Text
    run_id: Text
    mode: Text
    status: Status
    headline: Text
    rows: RowCount
    outcomes: Outcomes
    counts_complete: bool = True
    unaccounted: RowCount
    not_reached: RowCount
    latency_ms: _Latency
    cost_usd: Amount | None

    @field_validator("score_date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        return parse_date(value).isoformat()


@dataclass(frozen=True, slots=True)
class Run:
    """A run with a readable summary.

    :param written: when the summary was written
    """

    location: RunLocation
    written: datetime
    summary: RunSummary

    @property
    def score_date(self) -> str:
        """ISO date of the scores."""
        return self.summary.score_date

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Rows of every outcome, `unaccounted` last."""
        return {**self.summary.outcomes.by_name(), "unaccounted": self.summary.unaccounted}

    @property
    def not_reached_bound(self) -> str:
        """The words before the number of users not reached, empty if it is exact."""
        return not_reached_bound(self.summary.rows, complete=self.summary.counts_complete)

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile of the latency in milliseconds; None without responses."""
        return self.summary.latency_ms.p95

    @property
    def is_dry_run(self) -> bool:
        """Whether the run was a dry run."""
        return self.summary.mode == DRY_RUN

    @property
    def kind(self) -> str:
        """`failed`, `planned` (a dry run) or `success`, as in the report."""
        if self.summary.status == "failed":
            return "failed"
        return "planned" if self.is_dry_run else "success"


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A run whose summary cannot be read.

    :param written: when the summary was written
    :param reason: a clause
    """

    location: RunLocation
    written: datetime
    reason: str

    @property
    def score_date(self) -> str:
        """The date from the key, or the date on which the summary was written."""
        return self.location.date or self.written.date().isoformat()


def read(location: RunLocation, written: datetime, body: bytes | None) -> Run | UnreadableRun:
    """Return the run that a summary describes. Never raises, whatever the bytes are.

    :param body: None when the object no longer exists
    """
    try:
        summary = _parse(body)
        if not location.is_dry_run and summary.score_date != location.folder:
            raise DocumentError([f"its score_date is {summary.score_date}, which is not the date in its key"])
    except DocumentError as error:
        return UnreadableRun(location, written, str(error))
    return Run(location, written, summary)


def _parse(body: bytes | None) -> RunSummary:
    if body is None:
        raise DocumentError(["it no longer exists"])
    if len(body) > MAX_SUMMARY_BYTES:
        raise DocumentError([f"it is larger than {MAX_SUMMARY_BYTES:,} bytes"])
    return parse(RunSummary, body)
