"""Are a date's scores whole, of this run, and plausible beside earlier dates? Data in, verdict out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from engagement import layout

MANIFEST_VERSION = 1
EARLIER_DATES = 14
"""How many earlier dates are compared with, at most."""
BINS = 20
"""Bins of a manifest's histogram, five points each."""
RECENT_DATES = 7
"""How many of the latest earlier dates the report shows today beside, at most."""
ENOUGH_DATES = 3
"""With fewer earlier dates there is no telling what is usual."""
ENOUGH_ROWS = 200
"""With fewer rows a histogram is mostly chance."""


@dataclass(slots=True)
class Verdict:
    """What was checked and found; no problems means that the scores may be sent."""

    problems: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)


def check_manifest(
    manifest: Any, *, score_date: str, run_id: str, objects: Mapping[str, int], verdict: Verdict
) -> None:
    """Compare a manifest with its run, with itself and with the ``objects`` (name to bytes) beside it."""
    try:
        _compare(manifest, score_date, run_id, objects, verdict)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        verdict.problems.append(f"the manifest is not in the form of version {MANIFEST_VERSION} ({error!r})")


def _compare(manifest: Any, score_date: str, run_id: str, objects: Mapping[str, int], verdict: Verdict) -> None:
    if manifest["version"] != MANIFEST_VERSION:
        raise ValueError(f"version {manifest['version']!r}")
    for name, wanted in (("run_id", run_id), ("score_date", score_date)):
        if manifest[name] != wanted:
            verdict.problems.append(f"the manifest is of {name} {manifest[name]!r}; wanted {wanted!r}")
    listed = {entry["name"]: int(entry["bytes"]) for entry in manifest["files"]}
    missing = sorted(listed.keys() - objects.keys())
    extra = sorted(objects.keys() - listed.keys())
    resized = sorted(name for name in listed.keys() & objects.keys() if listed[name] != objects[name])
    if missing:
        verdict.problems.append(f"{_some(missing)} listed in the manifest but not there")
    if extra:
        verdict.problems.append(f"{_some(extra)} there but not listed in the manifest")
    verdict.problems.extend(
        f"{name} has {objects[name]} bytes; the manifest says {listed[name]}" for name in resized[:3]
    )
    verdict.checks.append(f"{len(listed)} files as listed")
    rows = {name: int(manifest["rows"][name]) for name in ("input", "scored", "rejected", "collapsed")}
    parts = rows["scored"] + rows["rejected"] + rows["collapsed"]
    if len(manifest["histogram"]) != BINS or sum(manifest["histogram"]) != rows["scored"]:
        verdict.problems.append(f"the histogram does not hold {rows['scored']} rows in {BINS} bins")
    if rows["input"] != parts:
        verdict.problems.append(
            f"rows do not add up: input {rows['input']}, but scored {rows['scored']} + rejected "
            f"{rows['rejected']} + collapsed {rows['collapsed']} = {parts}"
        )
    verdict.checks.append("rows add up")


def check_history(
    manifest: Mapping[str, Any],
    history: Mapping[str, Mapping[str, Any]],
    *,
    min_rows: int,
    max_drop: float,
    max_drift: float,
    verdict: Verdict,
) -> None:
    """Compare number and distribution of scores with earlier dates (date to manifest).

    :param max_drop: fails when fewer than ``(1 - max_drop) x median`` rows of the earlier dates were scored.
    :param max_drift: fails when more than this share of users (0..1) would have to move to another 5-point
        bin to turn the earlier dates' common histogram into this one: their total variation distance.
    """
    scored = manifest["rows"]["scored"]
    if scored < min_rows:
        verdict.problems.append(f"{scored} rows scored; wanted at least min_rows={min_rows}")
    if len(history) < ENOUGH_DATES:
        verdict.checks.append(f"no comparison with earlier dates: found {len(history)} of them, wanted {ENOUGH_DATES}")
        return
    usual = median(earlier["rows"]["scored"] for earlier in history.values())
    if scored < (1 - max_drop) * usual:
        verdict.problems.append(
            f"{scored} rows scored, the median of {len(history)} earlier dates is {usual:g}; wanted at least "
            f"{(1 - max_drop) * usual:g} (max_row_drop_fraction={max_drop:g})"
        )
    verdict.checks.append(f"row count beside {len(history)} earlier dates (median {usual:g})")
    before = [sum(bins) for bins in zip(*(earlier["histogram"] for earlier in history.values()), strict=True)]
    if min(scored, sum(before)) < ENOUGH_ROWS:
        verdict.checks.append(f"no comparison of distributions: fewer than {ENOUGH_ROWS} rows")
        return
    drift = distance(manifest["histogram"], before)
    if drift > max_drift:
        verdict.problems.append(
            f"scores are spread otherwise than on {len(history)} earlier dates: distance {drift:.2f}, wanted "
            f"at most max_score_drift={max_drift:g}"
        )
    verdict.checks.append(f"distribution beside {len(history)} earlier dates (distance {drift:.2f})")


def earlier_dates(folders: Iterable[str], score_date: str) -> list[str]:
    """Return the dates before ``score_date`` that have a folder of scores, the latest first.

    :param folders: prefixes under ``layout.scores_root()``
    """
    dates = map(layout.date_of_scores_folder, folders)
    return sorted((date for date in dates if date and date < score_date), reverse=True)


def mean_shares(histograms: Iterable[Sequence[int]]) -> list[float]:
    """Return the mean of histograms as shares of 1, each date counting alike; empty without any.

    :param histograms: none of them without a row
    """
    shares = [[rows / sum(bins) for rows in bins] for bins in histograms]
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)]


def is_usable(manifest: Any) -> bool:
    """Tell whether an earlier date's manifest can be compared with: others are passed over, not fatal."""
    try:
        return manifest["rows"]["scored"] >= 0 and len(manifest["histogram"]) == BINS
    except (KeyError, TypeError):
        return False


def distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the total variation distance of two histograms, 0 (same shape) to 1 (no bin in common)."""
    all_left, all_right = sum(left), sum(right)
    return sum(abs(a / all_left - b / all_right) for a, b in zip(left, right, strict=True)) / 2


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}: {'is' if len(names) == 1 else 'are'}"
