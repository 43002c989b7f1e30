"""The manifest that the scoring job writes last."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from engagement.contract.strict_model import Count, Date, StrictModel, Version

BINS = 20
"""Bins of the histogram, five points each."""

Histogram = Annotated[
    tuple[Count, ...], Field(min_length=BINS, max_length=BINS, description=f"an array of {BINS} whole numbers")
]
Sample = dict[str, int | float | str | bool | None]
"""The metrics of one invalid row; never its user id."""


class RowCounts(StrictModel):
    """Rows of the extract, and what became of them."""

    input: Count
    scored: Count
    invalid: Count
    deduplicated: Count

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        parts = self.scored + self.invalid + self.deduplicated
        if parts != self.input:
            raise ValueError(f"scored + invalid + deduplicated add up to {parts:,}, expected {self.input:,}")
        return self

    @property
    def invalid_fraction(self) -> float:
        """Share of the rows that were invalid, 0 to 1."""
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
    """The weights document that the scores were calculated with."""

    version: str
    sha256: str


class EarlierScores(StrictModel, extra="ignore"):
    """What an earlier date's manifest is compared by; its other keys may be those of another release."""

    rows: RowCounts
    weights: WeightsVersion
    histogram: Histogram


class ScoresManifest(StrictModel):
    """What the scoring job wrote.

    :param sha256: over the bytes of the files in order of name
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
    def _add_up(self) -> Self:
        sums = (
            ("the rows of its input files", sum(file.rows for file in self.input), self.rows.input),
            ("its reasons", sum(self.reasons.values()), self.rows.invalid),
            ("its histogram", sum(self.histogram), self.rows.scored),
        )
        wrong = [f"{what} add up to {got:,}, expected {expected:,}" for what, got, expected in sums if got != expected]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def comparable(self) -> EarlierScores:
        """The part that is compared with earlier dates."""
        return EarlierScores(rows=self.rows, weights=self.weights, histogram=self.histogram)
