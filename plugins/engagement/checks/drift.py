"""Is a day like the days before it? Three guards: how many rows were scored, how many invalid, how scores are spread.

Each has two settings: from `warn_…` on a person is description, from `max_…` on nothing is sent.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from engagement.checks.scores_check import CheckResult
from engagement.contract.scores_manifest import ScoreStatistics

THRESHOLDS = (
    "min_rows",
    "warn_row_drop_fraction",
    "max_row_drop_fraction",
    "warn_invalid_rise",
    "max_invalid_rise",
    "warn_score_drift",
    "max_score_drift",
)
"""The settings of the guards."""
HISTORY_DAYS = 14
"""How many earlier dates are compared with, at most."""
RECENT_DAYS = 7
"""How many of the latest earlier dates the report shows today beside, at most."""
MIN_HISTORY_DAYS = 3
"""With fewer earlier dates there is no telling what is usual."""
MIN_ROWS_FOR_PSI = 1_000
"""With fewer rows a histogram is mostly chance: 0.095 of the index come of it at 200, 0.019 at 1,000."""
_ACCEPTED = "let pass by skip_drift_checks: "


def check_history(
    manifest: ScoreStatistics,
    history: Sequence[ScoreStatistics],
    thresholds: Mapping[str, float],
    result: CheckResult,
    *,
    accepted: bool,
) -> None:
    """Compare a date's scores with those of earlier dates.

    :param thresholds: by name, all of `THRESHOLDS`. The row drop is a share of the median, 0..1; the invalid
        rise a difference of shares of the input, 0..1; the drift a population stability index, from 0 on
    :param accepted: somebody looked at the day and lets it pass: what would stop it is a warning
    """
    guards = CheckResult()
    scored = manifest.rows.scored
    if scored < thresholds["min_rows"]:
        guards.problems.append(f"{scored:,} rows scored; wanted at least min_rows={thresholds['min_rows']:.0f}")
    if len(history) < MIN_HISTORY_DAYS:
        guards.passed.append(f"no comparison with earlier dates: found {len(history)}, expected {MIN_HISTORY_DAYS}")
    else:
        _compare(manifest, history, thresholds, guards)
    if accepted:
        guards.warnings += [f"{_ACCEPTED}{problem}" for problem in guards.problems]
        guards.problems.clear()
    result.add(guards)


def _compare(
    manifest: ScoreStatistics, earlier: Sequence[ScoreStatistics], thresholds: Mapping[str, float], guards: CheckResult
) -> None:
    scored, dates = manifest.rows.scored, f"{len(earlier)} earlier dates"
    usual = median(each.rows.scored for each in earlier)
    drop = max(0.0, 1 - scored / usual) if usual else 0.0
    description = f"{scored:,} rows scored, the median of {dates} is {usual:,.0f}: {drop:.1%} fewer"
    _apply_threshold("row_drop_fraction", drop, description, thresholds, guards)
    invalid, before = manifest.rows.invalid_fraction, median(each.rows.invalid_fraction for each in earlier)
    description = f"{invalid:.2%} of the rows invalid, the median of {dates} is {before:.2%}"
    _apply_threshold("invalid_rise", invalid - before, description, thresholds, guards)
    # Scores of other weights are no measure.
    alike = [each for each in earlier if each.weights.sha256 == manifest.weights.sha256]
    if len(alike) < MIN_HISTORY_DAYS:
        guards.passed.append(
            f"no comparison of distributions: {len(alike)} earlier dates have these weights, wanted {MIN_HISTORY_DAYS}"
        )
        return
    pooled = [sum(bins) for bins in zip(*(each.histogram for each in alike), strict=True)]
    if min(scored, sum(pooled)) < MIN_ROWS_FOR_PSI:
        guards.passed.append(f"no comparison of distributions: fewer than {MIN_ROWS_FOR_PSI:,} rows")
        return
    drift = population_stability_index(manifest.histogram, pooled)
    description = f"scores beside those of {len(alike)} earlier dates: population stability index {drift:.3f}"
    _apply_threshold("score_drift", drift, description, thresholds, guards)


def _apply_threshold(
    guard: str, found: float, description: str, thresholds: Mapping[str, float], guards: CheckResult
) -> None:
    most, enough = thresholds[f"max_{guard}"], thresholds[f"warn_{guard}"]
    if found > most:
        guards.problems.append(f"{description}; wanted at most max_{guard}={most:g}")
    elif found > enough:
        guards.warnings.append(f"{description}; more than warn_{guard}={enough:g}")
    else:
        guards.passed.append(description)


def population_stability_index(found: Sequence[int], usual: Sequence[int]) -> float:
    """Return the population stability index of two histograms: the sum of (p - q) ln(p / q) over their bins.

    Below 0.1 is commonly read as no change, above 0.25 as a large one. Half a row is added to each bin, or an empty
    one would make it infinite.
    """
    shares = [[(rows + 0.5) / (sum(bins) + 0.5 * len(bins)) for rows in bins] for bins in (found, usual)]
    return math.fsum((p - q) * math.log(p / q) for p, q in zip(*shares, strict=True))


def total_variation_distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the total variation distance of two histograms, 0 (same shape) to 1 (no bin in common)."""
    all_left, all_right = sum(left), sum(right)
    return sum(abs(a / all_left - b / all_right) for a, b in zip(left, right, strict=True)) / 2


def mean_shares(histograms: Iterable[Sequence[int]]) -> list[float]:
    """Return the mean of histograms as shares of 1, each date counting alike; empty without any.

    :param histograms: none of them without a row
    """
    shares = [[rows / sum(bins) for rows in bins] for bins in histograms]
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)]
