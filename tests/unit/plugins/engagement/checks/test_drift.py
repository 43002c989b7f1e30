"""Drift checks: a date against earlier dates."""

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


def statistics(scored: int = 2000, shape: tuple[int, ...] = EVEN, invalid: int = 0, **changes: Any) -> ScoreStatistics:
    return day_of_scores(scored, invalid, shape, **changes).statistics


def check(
    today: ScoreStatistics, history: list[ScoreStatistics], *, skip: bool = False, **thresholds: float
) -> CheckResult:
    return check_history(today, history, DEFAULTS | thresholds, skip=skip)


def test_a_usual_date_passes() -> None:
    result = check(statistics(), [statistics()] * 3)
    assert (result.problems, result.warnings) == ([], [])
    assert result.passed == [
        "2,000 rows scored, 0.0% fewer than the median of 3 earlier dates (2,000)",
        "0.00% of the rows are invalid, the median of 3 earlier dates is 0.00%",
        "population stability index 0.000 against the scores of 3 earlier dates",
    ]


def test_too_few_rows_are_a_problem() -> None:
    assert check(statistics(9), [], min_rows=10).problems == ["9 rows scored, expected at least min_rows=10"]
    assert check(statistics(10), [], min_rows=10).problems == []


@pytest.mark.parametrize("dates", [0, 1, 2])
def test_too_little_history_is_reported(dates: int) -> None:
    result = check(statistics(1), [statistics(1000)] * dates)
    assert (result.problems, result.warnings) == ([], [])
    assert result.passed == [f"not compared with earlier dates: there are {dates}, expected at least 3"]


def test_a_drop_below_the_median_warns_then_fails() -> None:
    earlier = [statistics(900), statistics(1000), statistics(99_999)]
    median = "fewer than the median of 3 earlier dates (1,000)"
    assert check(statistics(800), earlier).warnings == []
    assert check(statistics(799), earlier).warnings == [
        f"799 rows scored, 20.1% {median}, above warn_row_drop_fraction=0.2"
    ]
    assert check(statistics(500), earlier).problems == []
    found = check(statistics(499), earlier)
    assert found.problems == [f"499 rows scored, 50.1% {median}, above max_row_drop_fraction=0.5"]
    assert found.warnings == []
    assert check(statistics(499), earlier, max_row_drop_fraction=0.6).problems == []


def test_more_rows_than_usual_pass() -> None:
    result = check(statistics(50_000), [statistics(1000)] * 3)
    assert (result.problems, result.warnings) == ([], [])


def test_earlier_dates_without_scores_are_ignored() -> None:
    assert check(statistics(5), [statistics(0)] * 3).problems == []


def test_a_rise_of_invalid_rows_warns_then_fails() -> None:
    earlier = [statistics(980, invalid=20), statistics(990, invalid=10), statistics(999, invalid=1)]
    assert check(statistics(985, invalid=15), earlier).warnings == []
    median = "of the rows are invalid, the median of 3 earlier dates is 1.00%"
    assert check(statistics(980, invalid=20), earlier).warnings == [f"2.00% {median}, above warn_invalid_rise=0.005"]
    found = check(statistics(950, invalid=50), earlier)
    assert found.problems == [f"5.00% {median}, above max_invalid_rise=0.03"]
    assert check(statistics(1000), earlier).problems == []


def test_a_changed_distribution_warns_then_fails() -> None:
    earlier = [statistics(shape=EVEN)] * 4
    slightly_tilted = tuple(range(30, 50))
    tilted = tuple(range(6, 26))
    assert check(statistics(shape=slightly_tilted), earlier).warnings == []
    (warning,) = check(statistics(shape=tilted), earlier).warnings
    assert warning.startswith("population stability index 0.1")
    assert warning.endswith(" against the scores of 4 earlier dates, above warn_score_drift=0.1")
    (problem,) = check(statistics(shape=HIGH), earlier).problems
    assert problem.endswith(", above max_score_drift=0.25")
    assert check(statistics(shape=HIGH), earlier, max_score_drift=100).problems == []


def test_scores_of_other_weights_are_not_compared() -> None:
    earlier = [statistics(shape=LOW, weights={"version": "0", "sha256": "other"})] * 9 + [statistics(shape=HIGH)] * 2
    result = check(statistics(shape=HIGH), earlier)
    assert (result.problems, result.warnings) == ([], [])
    assert result.passed[-1] == "distributions not compared: 2 earlier dates have the same weights, expected at least 3"
    (problem,) = check(statistics(shape=LOW), [*earlier, statistics(shape=HIGH)]).problems
    assert "against the scores of 3 earlier dates" in problem


def test_large_numbers_are_printed_in_full() -> None:
    (problem,) = check(statistics(1_000_000), [statistics(12_345_678)] * 3).problems
    assert problem.startswith("1,000,000 rows scored, 91.9% fewer than the median of 3 earlier dates (12,345,678)")
    found = check(statistics(5), [], min_rows=2_000_000).problems
    assert found == ["5 rows scored, expected at least min_rows=2000000"]


def test_distributions_of_few_rows_are_not_compared() -> None:
    result = check(statistics(999, HIGH), [statistics(1000, LOW)] * 3)
    assert result.problems == []
    assert result.passed[-1] == "distributions not compared: fewer than 1,000 rows"


def test_chance_alone_does_not_warn() -> None:
    draw = random.Random(20261126)  # noqa: S311 - the same dates every time

    def random_date() -> ScoreStatistics:
        histogram = [0] * BINS
        for _ in range(1000):
            histogram[min(BINS - 1, int(draw.betavariate(1.2, 2) * BINS))] += 1
        return statistics(1000, histogram=histogram)

    for _ in range(50):
        assert check(random_date(), [random_date() for _ in range(3)]).warnings == []


def test_skipped_checks_become_warnings() -> None:
    result = check(statistics(100, invalid=50), [statistics()] * 3, skip=True, min_rows=200)
    assert result.problems == []
    assert len(result.warnings) == 3
    assert all(warning.startswith("ignored because of skip_drift_checks: ") for warning in result.warnings)


def test_population_stability_index() -> None:
    assert population_stability_index([70, 30], [7000, 3000]) == pytest.approx(0, abs=1e-3)
    # 0.5 is added to each of the two bins: shares 0.75 and 0.25 against 0.25 and 0.75.
    assert population_stability_index([1, 0], [0, 1]) == pytest.approx(math.log(3))
    assert population_stability_index([1, 9, 4], [3, 2, 8]) == pytest.approx(
        population_stability_index([3, 2, 8], [1, 9, 4])
    )
    assert 3 < population_stability_index([1000, *[0] * 19], [*[0] * 19, 1000]) < 100


def test_total_variation_distance() -> None:
    assert total_variation_distance([1, 1], [50, 50]) == 0
    assert total_variation_distance([1, 0], [0, 7]) == 1
    assert total_variation_distance([3, 1], [1, 1]) == pytest.approx(0.25)


def test_each_histogram_has_the_same_weight_in_the_mean() -> None:
    assert mean_shares([[1, 0], [0, 1000]]) == [0.5, 0.5]
    assert mean_shares([]) == []
