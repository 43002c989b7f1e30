"""Medians, ratios and targets, and how the page shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.__main__ import PARTS
from benchmarks.page import Target
from benchmarks.push import benchmark as push
from benchmarks.results import Figures, Measurement, Part, ResultsFile, ratios, values
from benchmarks.score import benchmark as score

DOCS = Path(__file__).parents[3] / "docs" / "reference"
# In the last round, the machine is slow for both.
FIGURES: Figures = {"50 ms": {"a": {"rate": [100.0, 102.0, 50.0]}, "b": {"rate": [200.0, 205.0, 100.0]}}}


def one_decimal(value: float) -> str:
    return f"{value:.1f}"


def test_a_ratio_is_computed_within_each_round() -> None:
    assert ratios(FIGURES, "50 ms", "rate", "b", "a") == [2.0, pytest.approx(2.0098, abs=1e-4), 2.0]
    assert ratios(FIGURES, "50 ms", "rate", "b", "c") == []


def test_a_missing_round_is_an_error() -> None:
    uneven: Figures = {"case": {"a": {"rate": [1.0]}, "b": {"rate": [1.0, 2.0]}}}
    with pytest.raises(ValueError, match="zip"):
        ratios(uneven, "case", "rate", "a", "b")


def test_a_median_shows_its_spread() -> None:
    assert page.median([3.0, 1.0, 2.0], one_decimal) == "2.0 (1.0 to 3.0)"
    assert page.median([2.01, 2.02], one_decimal) == "2.0"
    assert page.median([], one_decimal) == ""


@pytest.mark.parametrize(
    ("measured", "limit", "at_least", "cells"),
    [
        ([2.0, 3.0, 9.0], 3.0, True, ("x: at least 3.0", "3.0 (2.0 to 9.0)", "yes")),
        ([2.99], 3.0, True, ("x: at least 3.0", "3.0", "**no**")),
        ([3.0], 3.0, False, ("x: at most 3.0", "3.0", "yes")),
        ([1.0, 3.1, 3.1], 3.0, False, ("x: at most 3.0", "3.1 (1.0 to 3.1)", "**no**")),
        ([], 3.0, False, ("x: at most 3.0", "not measured", "")),
    ],
)
def test_the_median_decides_whether_a_target_is_met(
    measured: list[float], limit: float, at_least: bool, cells: tuple[str, str, str]
) -> None:
    assert Target("x", measured, limit, one_decimal, at_least).cells() == cells


PUSH: Figures = {
    "50 ms": {
        push.CORE: {"rate": [2000.0], "cpu": [1.4]},
        push.AIOHTTP: {"rate": [2000.0], "cpu": [1.0]},
        push.DRT: {"rate": [20.0]},
        push.DLT: {"rate": [20.0]},
    },
    "200 ms": {push.CORE: {"rate": [600.0]}, push.AIOHTTP: {"rate": [600.0]}},
    push.MEMORY: {
        "10,000 users": {"memory": [40e6]},
        "2,000,000 users": {"memory": [42e6]},
        "10,000 users over HTTP": {"memory": [40e6]},
        "200,000 users over HTTP": {"memory": [42e6]},
    },
}
SCORE: Figures = {
    "10,000 rows": {score.CLEAN: {"wall": [8.0]}, score.BAD: {"wall": [12.0]}},
    "10,000,000 rows": {score.CLEAN: {"wall": [20.0]}, score.BAD: {"wall": [28.0]}, score.SPARK: {"wall": [10.0]}},
}


@pytest.mark.parametrize(
    ("case", "name", "figure", "worse", "missed"),
    [
        ("50 ms", push.AIOHTTP, "rate", 2200.0, 0),
        ("200 ms", push.AIOHTTP, "rate", 640.0, 1),
        ("50 ms", push.CORE, "cpu", 1.41, 2),
        ("50 ms", push.DRT, "rate", 20.1, 3),
        ("50 ms", push.DLT, "rate", 20.1, 4),
        (push.MEMORY, "2,000,000 users", "memory", 42.1e6, 5),
        (push.MEMORY, "200,000 users over HTTP", "memory", 42.1e6, 6),
        ("10,000,000 rows", score.CLEAN, "wall", 20.1, 7),
        ("10,000,000 rows", score.BAD, "wall", 28.1, 8),
        ("10,000 rows", score.BAD, "wall", 12.1, 9),
    ],
)
def test_each_target_is_met_at_its_limit_and_missed_beyond(
    case: str, name: str, figure: str, worse: float, missed: int
) -> None:
    def met(figures: Figures) -> list[bool | None]:
        return [target.met for target in (*push.targets(figures), *score.targets(figures))]

    figures = json.loads(json.dumps({**PUSH, **SCORE}))
    assert met(figures) == [True] * 10
    figures[case][name][figure] = [worse]
    assert met(figures)[missed] is False


def test_a_ratio_names_its_reference() -> None:
    assert push.targets(PUSH)[0].cells() == ("requests/s at 50 ms: at least 0.95 times bare aiohttp", "1.00", "yes")


def test_unmeasured_targets_say_so() -> None:
    assert {target.met for module in PARTS.values() for target in module.targets({})} == {None}


def test_a_run_keeps_every_round(tmp_path: Path) -> None:
    run = Measurement(tmp_path)
    run.add("50 ms", "a", rate=1.0, cpu=2.0)
    run.add("50 ms", "a", rate=3.0, cpu=4.0)
    assert values(run.figures, "50 ms", "a", "rate") == [1.0, 3.0]
    part = Part("2026-11-26", "2 cores", 290, 0.02, {"wrk": "4.1.0"}, run.figures)
    assert ResultsFile(tmp_path / "results.json").save({"push": part}).load() == {"push": part}


def test_the_page_says_if_the_machine_was_busy() -> None:
    store = ResultsFile(DOCS / "performance.json")
    results = store.load()
    quiet = Part(**{**vars(results["scale"]), "on": "2026-11-26", "elsewhere": 0.1})
    busy = Part(**{**vars(quiet), "elsewhere": 0.11})
    text = page.document(PARTS, {**results, "scale": busy})
    assert "Measured 2026-11-26 on" in text
    assert text.count("measure again when the machine is idle") == 1
    assert "measure again" not in page.document(PARTS, {"scale": quiet})


def test_the_page_matches_its_figures() -> None:
    """Fails if a figure was edited by hand or the page was not regenerated."""
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert page.document(PARTS, ResultsFile(DOCS / "performance.json").load()) == text
