"""Drift checks: compare the scores of a date with those of earlier dates.

They compare the number of scored rows, the fraction of invalid rows, and the distribution of scores. Each check has two
limits: beyond ``warn_…`` the run reports a warning, beyond ``max_…`` nothing is sent.
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
"""Names of the settings that the checks use."""
HISTORY_DAYS = 14
"""Maximum number of earlier dates to compare with."""
RECENT_DAYS = 7
"""Number of latest earlier dates that the report compares with."""
MIN_HISTORY_DAYS = 3
"""With fewer earlier dates, there is no comparison."""
MIN_ROWS_FOR_PSI = 1_000
"""With fewer rows, chance alone gives a large index: about 0.095 with 200 rows, 0.019 with 1,000."""


def check_history(
    today: ScoreStatistics, history: Sequence[ScoreStatistics], thresholds: Mapping[str, float], *, skip: bool
) -> CheckResult:
    """Compare a date's scores with those of earlier dates.

    :param today: statistics of the date
    :param history: statistics of at most `HISTORY_DAYS` earlier dates
    :param thresholds: values by name, all of `THRESHOLDS`. The row drop is a fraction of the median, the invalid rise a
        difference of fractions of the input, the score drift a population stability index, from 0
    :param skip: whether problems become warnings, because the operator has checked the scores
    """
    result = CheckResult()
    scored = today.rows.scored
    if scored < thresholds["min_rows"]:
        result.problems.append(f"{scored:,} rows scored, expected at least min_rows={thresholds['min_rows']:.0f}")
    if len(history) < MIN_HISTORY_DAYS:
        result.passed.append(
            f"not compared with earlier dates: there are {len(history)}, expected at least {MIN_HISTORY_DAYS}"
        )
    else:
        _check_row_counts(today, history, thresholds, result)
        _check_distribution(today, history, thresholds, result)
    if skip:
        result.warnings += [f"ignored because of skip_drift_checks: {problem}" for problem in result.problems]
        result.problems.clear()
    return result


def _check_row_counts(
    today: ScoreStatistics, history: Sequence[ScoreStatistics], thresholds: Mapping[str, float], result: CheckResult
) -> None:
    scored, dates = today.rows.scored, f"{len(history)} earlier dates"
    usual = median(each.rows.scored for each in history)
    drop = max(0.0, 1 - scored / usual) if usual else 0.0
    description = f"{scored:,} rows scored, {drop:.1%} fewer than the median of {dates} ({usual:,.0f})"
    _apply_threshold("row_drop_fraction", drop, description, thresholds, result)
    invalid = today.rows.invalid_fraction
    usual_invalid = median(each.rows.invalid_fraction for each in history)
    description = f"{invalid:.2%} of the rows are invalid, the median of {dates} is {usual_invalid:.2%}"
    _apply_threshold("invalid_rise", invalid - usual_invalid, description, thresholds, result)


def _check_distribution(
    today: ScoreStatistics, history: Sequence[ScoreStatistics], thresholds: Mapping[str, float], result: CheckResult
) -> None:
    # Scores from other weights are not comparable.
    comparable = [each for each in history if each.weights.sha256 == today.weights.sha256]
    if len(comparable) < MIN_HISTORY_DAYS:
        result.passed.append(
            f"distributions not compared: {len(comparable)} earlier dates have the same weights, expected at least "
            f"{MIN_HISTORY_DAYS}"
        )
        return
    pooled = [sum(bins) for bins in zip(*(each.histogram for each in comparable), strict=True)]
    if min(today.rows.scored, sum(pooled)) < MIN_ROWS_FOR_PSI:
        result.passed.append(f"distributions not compared: fewer than {MIN_ROWS_FOR_PSI:,} rows")
        return
    index = population_stability_index(today.histogram, pooled)
    description = f"population stability index {index:.3f} against the scores of {len(comparable)} earlier dates"
    _apply_threshold("score_drift", index, description, thresholds, result)


def _apply_threshold(
    name: str, value: float, description: str, thresholds: Mapping[str, float], result: CheckResult
) -> None:
    maximum, warning = thresholds[f"max_{name}"], thresholds[f"warn_{name}"]
    if value > maximum:
        result.problems.append(f"{description}, above max_{name}={maximum:g}")
    elif value > warning:
        result.warnings.append(f"{description}, above warn_{name}={warning:g}")
    else:
        result.passed.append(description)


def population_stability_index(today: Sequence[int], usual: Sequence[int]) -> float:
    """Return the population stability index of two histograms: the sum of (p - q) ln(p / q) over their bins.

    A common reading is: below 0.1 no change, above 0.25 a large change. Half a row is added to each bin, because an
    empty bin would make the index infinite.

    :param today: number of rows per bin
    :param usual: number of rows per bin, with the same bins
    """
    shares = [[(rows + 0.5) / (sum(bins) + 0.5 * len(bins)) for rows in bins] for bins in (today, usual)]
    return math.fsum((p - q) * math.log(p / q) for p, q in zip(*shares, strict=True))


def total_variation_distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the total variation distance of two histograms, from 0 (same shape) to 1 (no bin in common)."""
    left_total, right_total = sum(left), sum(right)
    return sum(abs(a / left_total - b / right_total) for a, b in zip(left, right, strict=True)) / 2


def mean_shares(histograms: Iterable[Sequence[int]]) -> list[float]:
    """Return the mean of histograms as fractions of 1. Each histogram has the same weight; without any, it is empty.

    :param histograms: number of rows per bin; each has at least one row
    """
    shares = [[rows / sum(bins) for rows in bins] for bins in histograms]
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)]
