"""Is a day like the days before it? Three guards: how many rows were scored, how many invalid, how scores are spread.

Each has two settings: from `warn_…` on a person is told, from `max_…` on nothing is sent.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from engagement.checks.scores_check import Verdict
from engagement.contract.scores_manifest import EarlierScores

LIMITS = (
    "min_rows",
    "warn_row_drop_fraction",
    "max_row_drop_fraction",
    "warn_invalid_rise",
    "max_invalid_rise",
    "warn_score_drift",
    "max_score_drift",
)
"""The settings of the guards."""
EARLIER_DATES = 14
"""How many earlier dates are compared with, at most."""
RECENT_DATES = 7
"""How many of the latest earlier dates the report shows today beside, at most."""
ENOUGH_DATES = 3
"""With fewer earlier dates there is no telling what is usual."""
ENOUGH_ROWS = 1_000
"""With fewer rows a histogram is mostly chance: 0.095 of the index come of it at 200, 0.019 at 1,000."""
_ACCEPTED = "let pass by skip_drift_checks: "


def check_history(
    manifest: EarlierScores,
    history: Sequence[EarlierScores],
    limits: Mapping[str, float],
    verdict: Verdict,
    *,
    accepted: bool,
) -> None:
    """Compare a date's scores with those of earlier dates.

    :param limits: by name, all of `LIMITS`. The row drop is a share of the median, 0..1; the reject rise a difference
        of shares of the input, 0..1; the drift a population stability index, from 0 on
    :param accepted: somebody looked at the day and lets it pass: what would stop it is a warning
    """
    guards = Verdict()
    scored = manifest.rows.scored
    if scored < limits["min_rows"]:
        guards.problems.append(f"{scored:,} rows scored; wanted at least min_rows={limits['min_rows']:.0f}")
    if len(history) < ENOUGH_DATES:
        guards.checks.append(f"no comparison with earlier dates: found {len(history)} of them, wanted {ENOUGH_DATES}")
    else:
        _compare(manifest, history, limits, guards)
    if accepted:
        guards.warnings += [f"{_ACCEPTED}{problem}" for problem in guards.problems]
        guards.problems.clear()
    verdict.add(guards)


def _compare(
    manifest: EarlierScores, earlier: Sequence[EarlierScores], limits: Mapping[str, float], guards: Verdict
) -> None:
    scored, dates = manifest.rows.scored, f"{len(earlier)} earlier dates"
    usual = median(each.rows.scored for each in earlier)
    drop = max(0.0, 1 - scored / usual) if usual else 0.0
    told = f"{scored:,} rows scored, the median of {dates} is {usual:,.0f}: {drop:.1%} fewer"
    _judge("row_drop_fraction", drop, told, limits, guards)
    invalid, before = manifest.rows.invalid_fraction, median(each.rows.invalid_fraction for each in earlier)
    told = f"{invalid:.2%} of the rows invalid, the median of {dates} is {before:.2%}"
    _judge("invalid_rise", invalid - before, told, limits, guards)
    # Scores of other weights are no measure.
    alike = [each for each in earlier if each.weights.sha256 == manifest.weights.sha256]
    if len(alike) < ENOUGH_DATES:
        guards.checks.append(
            f"no comparison of distributions: {len(alike)} earlier dates have these weights, wanted {ENOUGH_DATES}"
        )
        return
    pooled = [sum(bins) for bins in zip(*(each.histogram for each in alike), strict=True)]
    if min(scored, sum(pooled)) < ENOUGH_ROWS:
        guards.checks.append(f"no comparison of distributions: fewer than {ENOUGH_ROWS:,} rows")
        return
    drift = stability_index(manifest.histogram, pooled)
    told = f"scores beside those of {len(alike)} earlier dates: population stability index {drift:.3f}"
    _judge("score_drift", drift, told, limits, guards)


def _judge(guard: str, found: float, told: str, limits: Mapping[str, float], guards: Verdict) -> None:
    most, enough = limits[f"max_{guard}"], limits[f"warn_{guard}"]
    if found > most:
        guards.problems.append(f"{told}; wanted at most max_{guard}={most:g}")
    elif found > enough:
        guards.warnings.append(f"{told}; more than warn_{guard}={enough:g}")
    else:
        guards.checks.append(told)


def stability_index(found: Sequence[int], usual: Sequence[int]) -> float:
    """Return the population stability index of two histograms: the sum of (p - q) ln(p / q) over their bins.

    Below 0.1 is commonly read as no change, above 0.25 as a large one. Half a row is added to each bin, or an empty
    one would make it infinite.
    """
    shares = [[(rows + 0.5) / (sum(bins) + 0.5 * len(bins)) for rows in bins] for bins in (found, usual)]
    return math.fsum((p - q) * math.log(p / q) for p, q in zip(*shares, strict=True))


def distance(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the total variation distance of two histograms, 0 (same shape) to 1 (no bin in common)."""
    all_left, all_right = sum(left), sum(right)
    return sum(abs(a / all_left - b / all_right) for a, b in zip(left, right, strict=True)) / 2


def mean_shares(histograms: Iterable[Sequence[int]]) -> list[float]:
    """Return the mean of histograms as shares of 1, each date counting alike; empty without any.

    :param histograms: none of them without a row
    """
    shares = [[rows / sum(bins) for rows in bins] for bins in histograms]
    return [sum(column) / len(shares) for column in zip(*shares, strict=True)]
