"""Manifest against run, itself, files and history."""

import copy
from typing import Any

import pytest

from engagement.scores import (
    BINS,
    Verdict,
    check_history,
    check_manifest,
    distance,
    earlier_dates,
    is_usable,
    mean_shares,
)

DAY, RUN = "2026-11-23", "scheduled__2026-11-23T03:00:00+00:00"


def manifest(scored: int = 1000, shape: tuple[int, ...] = (1,) * BINS) -> dict[str, Any]:
    histogram = [scored * part // sum(shape) for part in shape]
    histogram[0] += scored - sum(histogram)
    return {
        "version": 1,
        "run_id": RUN,
        "job_run_id": "jr_1",
        "score_date": DAY,
        "rows": {"input": scored + 3, "scored": scored, "rejected": 2, "collapsed": 1},
        "files": [{"name": "part-0.csv", "bytes": 10}, {"name": "part-1.csv", "bytes": 20}],
        "histogram": histogram,
    }


FILES = {"part-0.csv": 10, "part-1.csv": 20}


def problems(document: Any, objects: dict[str, int] | None = None) -> list[str]:
    verdict = Verdict()
    check_manifest(document, score_date=DAY, run_id=RUN, objects=FILES if objects is None else objects, verdict=verdict)
    return verdict.problems


def test_a_good_manifest() -> None:
    verdict = Verdict()
    check_manifest(manifest(), score_date=DAY, run_id=RUN, objects=FILES, verdict=verdict)
    assert (verdict.problems, verdict.checks) == ([], ["2 files as listed", "rows add up"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run_id": "other"}, f"the manifest is of run_id 'other'; wanted {RUN!r}"),
        ({"score_date": "2026-11-22"}, "the manifest is of score_date '2026-11-22'; wanted '2026-11-23'"),
        ({"rows": {"input": 9, "scored": 1000, "rejected": 2, "collapsed": 1}}, "rejected 2 + collapsed 1 = 1003"),
        ({"histogram": [1000, *[0] * 18]}, "the histogram does not hold 1000 rows in 20 bins"),
        ({"histogram": [999, *[0] * 19]}, "the histogram does not hold 1000 rows in 20 bins"),
        ({"version": 2}, "not in the form of version 1 (ValueError('version 2'))"),
        ({"rows": {}}, "not in the form of version 1 (KeyError('input'))"),
        ({"files": None}, "not in the form of version 1 (TypeError"),
    ],
)
def test_bad_manifests(change: dict[str, Any], said: str) -> None:
    found = problems({**manifest(), **change})
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_no_manifest_at_all(document: Any) -> None:
    assert len(problems(document)) == 1


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ({"part-0.csv": 10}, "part-1.csv: is listed in the manifest but not there"),
        ({}, "part-0.csv, part-1.csv: are listed in the manifest but not there"),
        ({**FILES, "part-9.csv": 1}, "part-9.csv: is there but not listed in the manifest"),
        (
            {**FILES, **{f"x{i}": 1 for i in range(5)}},
            "x0, x1, x2 and 2 more: are there but not listed in the manifest",
        ),
        ({**FILES, "part-1.csv": 19}, "part-1.csv has 19 bytes; the manifest says 20"),
    ],
)
def test_files_that_disagree(objects: dict[str, int], said: str) -> None:
    assert problems(manifest(), objects) == [said]


def judge(document: dict[str, Any], earlier: list[dict[str, Any]], **changes: Any) -> Verdict:
    verdict = Verdict()
    limits: dict[str, Any] = {"min_rows": 1, "max_drop": 0.5, "max_drift": 0.5, **changes}
    history = {f"2026-11-{day:02}": before for day, before in enumerate(earlier, 1)}
    check_history(document, history, **limits, verdict=verdict)
    return verdict


def test_too_few_rows() -> None:
    assert judge(manifest(9), [], min_rows=10).problems == ["9 rows scored; wanted at least min_rows=10"]
    assert judge(manifest(10), [], min_rows=10).problems == []


@pytest.mark.parametrize("dates", [0, 1, 2])
def test_too_little_history_is_said(dates: int) -> None:
    verdict = judge(manifest(1), [manifest(1000)] * dates)
    assert verdict.problems == []
    assert verdict.checks == [f"no comparison with earlier dates: found {dates} of them, wanted 3"]


def test_a_drop_below_the_median() -> None:
    earlier = [manifest(900), manifest(1000), manifest(99_999)]
    assert judge(manifest(500), earlier).problems == []
    found = judge(manifest(499), earlier).problems
    assert found == [
        "499 rows scored, the median of 3 earlier dates is 1000; wanted at least 500 (max_row_drop_fraction=0.5)"
    ]
    assert judge(manifest(499), earlier, max_drop=0.6).problems == []


def test_more_rows_than_usual_are_fine() -> None:
    assert judge(manifest(50_000), [manifest(1000)] * 3).problems == []


def test_scores_that_are_spread_otherwise() -> None:
    low, high = (1, *[0] * 19), (*[0] * 19, 1)
    earlier = [manifest(1000, low)] * 4
    found = judge(manifest(1000, high), earlier)
    assert len(found.problems) == 1
    assert "distance 1.00, wanted at most max_score_drift=0.5" in found.problems[0]
    assert judge(manifest(1000, high), earlier, max_drift=1).problems == []
    assert "distribution beside 4 earlier dates (distance 0.00)" in judge(manifest(1000, low), earlier).checks


def test_small_days_are_not_compared_by_shape() -> None:
    low, high = (1, *[0] * 19), (*[0] * 19, 1)
    verdict = judge(manifest(199, high), [manifest(300, low)] * 3)
    assert verdict.problems == []
    assert verdict.checks[-1] == "no comparison of distributions: fewer than 200 rows"


def test_distance() -> None:
    assert distance([1, 1], [50, 50]) == 0
    assert distance([1, 0], [0, 7]) == 1
    assert distance([3, 1], [1, 1]) == pytest.approx(0.25)


def test_earlier_dates_come_latest_first() -> None:
    folders = [f"scores/dt=2026-11-{day}/" for day in (24, 21, 23, 22)] + ["scores/_tmp/", "scores/dt=x/"]
    assert earlier_dates(folders, DAY) == ["2026-11-22", "2026-11-21"]


def test_every_date_counts_alike_in_the_mean() -> None:
    assert mean_shares([[1, 0], [0, 1000]]) == [0.5, 0.5]
    assert mean_shares([]) == []


def test_usable() -> None:
    assert is_usable(manifest())
    broken = copy.deepcopy(manifest())
    broken["histogram"].pop()
    unusable: list[Any] = [None, [], {}, {"rows": 1}, broken]
    assert [is_usable(document) for document in unusable] == [False] * 5
