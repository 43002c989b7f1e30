"""Manifest against run, itself and files."""

import copy
from typing import Any

import pytest

from engagement.scores import (
    BINS,
    Verdict,
    check_manifest,
    earlier_dates,
    is_usable,
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
        "weights": {"version": "1", "sha256": "w"},
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


def test_earlier_dates_come_latest_first() -> None:
    folders = [f"scores/dt=2026-11-{day}/" for day in (24, 21, 23, 22)] + ["scores/_tmp/", "scores/dt=x/"]
    assert earlier_dates(folders, DAY) == ["2026-11-22", "2026-11-21"]


def test_usable() -> None:
    assert is_usable(manifest())
    broken = copy.deepcopy(manifest())
    broken["histogram"].pop()
    unusable: list[Any] = [None, [], {}, {"rows": 1}, broken]
    assert [is_usable(document) for document in unusable] == [False] * 5
