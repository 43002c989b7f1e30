"""A day beside the days before it."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from engagement.checks.drift import (
    THRESHOLDS,
    check_history,
    mean_shares,
    population_stability_index,
    total_variation_distance,
)
from engagement.checks.scores_check import CheckResult
from engagement.config.settings import Settings
from engagement.contract.scores_manifest import BINS, ScoreStatistics
from tests.unit.plugins.engagement.run_factory import day_of_scores

EVEN = (1,) * BINS
LOW, HIGH = (1, *[0] * 19), (*[0] * 19, 1)
DEFAULTS: dict[str, Any] = {name: Settings.model_fields[name].default for name in THRESHOLDS}


def manifest(scored: int = 2000, shape: tuple[int, ...] = EVEN, invalid: int = 0, **changes: Any) -> ScoreStatistics:
    return day_of_scores(scored, invalid, shape, **changes).statistics


def judge(
    today: ScoreStatistics, earlier: list[ScoreStatistics], *, accepted: bool = False, **thresholds: float
) -> CheckResult:
    result = CheckResult()
    check_history(today, earlier, DEFAULTS | thresholds, result, accepted=accepted)
    return result


def test_a_usual_day() -> None:
    result = judge(manifest(), [manifest()] * 3)
    assert (result.problems, result.warnings) == ([], [])
    assert result.passed == [
        "2,000 rows scored, the median of 3 earlier dates is 2,000: 0.0% fewer",
        "0.00% of the rows invalid, the median of 3 earlier dates is 0.00%",
        "scores beside those of 3 earlier dates: population stability index 0.000",
    ]


def test_too_few_rows() -> None:
    assert judge(manifest(9), [], min_rows=10).problems == ["9 rows scored; wanted at least min_rows=10"]
    assert judge(manifest(10), [], min_rows=10).problems == []


@pytest.mark.parametrize("dates", [0, 1, 2])
def test_too_little_history_is_said(dates: int) -> None:
    result = judge(manifest(1), [manifest(1000)] * dates)
    assert (result.problems, result.warnings) == ([], [])
    assert result.passed == [f"no comparison with earlier dates: found {dates}, expected 3"]


def test_a_drop_below_the_median() -> None:
    earlier = [manifest(900), manifest(1000), manifest(99_999)]
    told = "rows scored, the median of 3 earlier dates is 1,000:"
    assert judge(manifest(800), earlier).warnings == []
    assert judge(manifest(799), earlier).warnings == [f"799 {told} 20.1% fewer; more than warn_row_drop_fraction=0.2"]
    assert judge(manifest(500), earlier).problems == []
    found = judge(manifest(499), earlier)
    assert found.problems == [f"499 {told} 50.1% fewer; wanted at most max_row_drop_fraction=0.5"]
    assert found.warnings == []
    assert judge(manifest(499), earlier, max_row_drop_fraction=0.6).problems == []


def test_more_rows_than_usual_are_fine() -> None:
    result = judge(manifest(50_000), [manifest(1000)] * 3)
    assert (result.problems, result.warnings) == ([], [])


def test_days_without_a_score_are_no_measure() -> None:
    assert judge(manifest(5), [manifest(0)] * 3).problems == []


def test_more_rejected_than_usual() -> None:
    earlier = [manifest(980, invalid=20), manifest(990, invalid=10), manifest(999, invalid=1)]
    assert judge(manifest(985, invalid=15), earlier).warnings == []
    told = "of the rows invalid, the median of 3 earlier dates is 1.00%"
    assert judge(manifest(980, invalid=20), earlier).warnings == [f"2.00% {told}; more than warn_invalid_rise=0.005"]
    found = judge(manifest(950, invalid=50), earlier)
    assert found.problems == [f"5.00% {told}; wanted at most max_invalid_rise=0.03"]
    assert judge(manifest(1000), earlier).problems == []


def test_scores_that_are_spread_otherwise() -> None:
    earlier = [manifest(shape=EVEN)] * 4
    leaning = tuple(range(30, 50))
    tilted = tuple(range(6, 26))
    assert judge(manifest(shape=leaning), earlier).warnings == []
    (warning,) = judge(manifest(shape=tilted), earlier).warnings
    assert warning.startswith("scores beside those of 4 earlier dates: population stability index 0.1")
    assert warning.endswith("; more than warn_score_drift=0.1")
    (problem,) = judge(manifest(shape=HIGH), earlier).problems
    assert problem.endswith("; wanted at most max_score_drift=0.25")
    assert judge(manifest(shape=HIGH), earlier, max_score_drift=100).problems == []


def test_scores_of_other_weights_are_no_measure() -> None:
    earlier = [manifest(shape=LOW, weights={"version": "0", "sha256": "other"})] * 9 + [manifest(shape=HIGH)] * 2
    result = judge(manifest(shape=HIGH), earlier)
    assert (result.problems, result.warnings) == ([], [])
    assert result.passed[-1] == "no comparison of distributions: 2 earlier dates have these weights, wanted 3"
    (problem,) = judge(manifest(shape=LOW), [*earlier, manifest(shape=HIGH)]).problems
    assert "beside those of 3 earlier dates" in problem


def test_millions_are_told_in_full() -> None:
    (problem,) = judge(manifest(1_000_000), [manifest(12_345_678)] * 3).problems
    assert problem.startswith("1,000,000 rows scored, the median of 3 earlier dates is 12,345,678: 91.9% fewer")
    found = judge(manifest(5), [], min_rows=2_000_000).problems
    assert found == ["5 rows scored; wanted at least min_rows=2000000"]


def test_small_days_are_not_compared_by_shape() -> None:
    result = judge(manifest(999, HIGH), [manifest(1000, LOW)] * 3)
    assert result.problems == []
    assert result.passed[-1] == "no comparison of distributions: fewer than 1,000 rows"


def test_chance_alone_does_not_warn() -> None:
    draw = random.Random(20261126)  # noqa: S311 - the same days every time

    def day() -> ScoreStatistics:
        histogram = [0] * BINS
        for _ in range(1000):
            histogram[min(BINS - 1, int(draw.betavariate(1.2, 2) * BINS))] += 1
        return manifest(1000, histogram=histogram)

    for _ in range(50):
        assert judge(day(), [day() for _ in range(3)]).warnings == []


def test_a_day_that_somebody_lets_pass() -> None:
    result = judge(manifest(100, invalid=50), [manifest()] * 3, accepted=True, min_rows=200)
    assert result.problems == []
    assert len(result.warnings) == 3
    assert all(warning.startswith("let pass by skip_drift_checks: ") for warning in result.warnings)


def test_the_stability_index() -> None:
    assert population_stability_index([70, 30], [7000, 3000]) == pytest.approx(0, abs=1e-3)
    # 0.5 added to each of two bins: shares 0.75 and 0.25 beside 0.25 and 0.75.
    assert population_stability_index([1, 0], [0, 1]) == pytest.approx(math.log(3))
    assert population_stability_index([1, 9, 4], [3, 2, 8]) == pytest.approx(
        population_stability_index([3, 2, 8], [1, 9, 4])
    )
    assert 3 < population_stability_index([1000, *[0] * 19], [*[0] * 19, 1000]) < 100


def test_distance() -> None:
    assert total_variation_distance([1, 1], [50, 50]) == 0
    assert total_variation_distance([1, 0], [0, 7]) == 1
    assert total_variation_distance([3, 1], [1, 1]) == pytest.approx(0.25)


def test_every_date_counts_alike_in_the_mean() -> None:
    assert mean_shares([[1, 0], [0, 1000]]) == [0.5, 0.5]
    assert mean_shares([]) == []
