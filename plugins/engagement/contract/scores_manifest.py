"""The manifest that the scoring job writes last."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from engagement.contract.expected import Expected
from engagement.contract.strict_model import Count, Date, StrictModel, Version

BINS = 20
"""Bins of the histogram, five points each."""

Histogram = Annotated[
    tuple[Count, ...], Field(min_length=BINS, max_length=BINS), Expected(f"an array of {BINS} whole numbers")
]
Sample = dict[str, int | float | str | bool | None]
"""The metrics of one invalid row. Never its user id."""


class RowCounts(StrictModel):
    """Number of rows of the extract, by result.

    :param input: number of rows in the extract
    :param scored: rows with a score, one per user
    :param invalid: rows that cannot be scored
    :param deduplicated: identical copies of a row, which count once
    """

    input: Count
    scored: Count
    invalid: Count
    deduplicated: Count

    @model_validator(mode="after")
    def _check_invariants(self) -> Self:
        parts = self.scored + self.invalid + self.deduplicated
        if parts != self.input:
            raise ValueError(f"scored + invalid + deduplicated add up to {parts:,}, expected {self.input:,}")
        return self

    @property
    def invalid_fraction(self) -> float:
        """Fraction of the rows that are invalid, 0 to 1."""
        return self.invalid / self.input if self.input else 0.0


class InputFile(StrictModel):
    """One file of the extract."""

    key: str
    etag: str
    rows: Count


class ScoresFile(StrictModel):
    """One CSV file of scores."""

    name: str
    bytes: Count


class WeightsVersion(StrictModel):
    """Version and hash of the weights document that produced the scores."""

    version: str
    sha256: str


class ScoreStatistics(StrictModel, extra="ignore"):
    """The part of a scores manifest that drift checks compare.

    It is read from manifests of earlier dates too. Their other keys may come from another release and are ignored.
    """

    rows: RowCounts
    weights: WeightsVersion
    histogram: Histogram


class ScoresManifest(StrictModel):
    """The result of the scoring job.

    :param job_run_id: id of the Glue run that wrote the manifest
    :param scored_at: timestamp of the CSV rows, ISO 8601 in UTC
    :param input: files of the extract
    :param reasons: number of invalid rows by reason
    :param samples: a few invalid rows by reason, without user ids
    :param sha256: hash over the bytes of the files in order of name
    :param histogram: number of scores per bin
    """

    version: Version
    run_id: str
    job_run_id: str
    score_date: Date
    scored_at: str
    input: tuple[InputFile, ...]
    rows: RowCounts
    reasons: dict[str, Count]
    samples: dict[str, tuple[Sample, ...]]
    files: tuple[ScoresFile, ...]
    sha256: str
    weights: WeightsVersion
    histogram: Histogram

    @model_validator(mode="after")
    def _check_invariants(self) -> Self:
        sums = (
            ("the rows of its input files", sum(file.rows for file in self.input), self.rows.input),
            ("its reasons", sum(self.reasons.values()), self.rows.invalid),
            ("its histogram", sum(self.histogram), self.rows.scored),
        )
        faults = [f"{what} add up to {got:,}, expected {expected:,}" for what, got, expected in sums if got != expected]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def statistics(self) -> ScoreStatistics:
        """The part that drift checks compare."""
        return ScoreStatistics(rows=self.rows, weights=self.weights, histogram=self.histogram)
