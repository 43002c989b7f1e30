"""The page's section on scoring, from given measurements."""

from __future__ import annotations

import pytest

from benchmarks.measured import Usage
from benchmarks.score.report import CONTESTANTS, Score, Size, section, wishes
from tests.unit.benchmarks.tables import cells


def used(wall: float) -> Usage:
    return Usage(wall=wall, cpu=2 * wall, peak_memory=1_500_000_000)


def size(rows: int, paces: tuple[float, ...], **walls: float) -> Size:
    """A round for each pace of the machine, the same for all."""
    each = {name: walls.get(name, 2.0) for name in CONTESTANTS}
    return Size(rows=rows, rounds=[{name: used(wall * pace) for name, wall in each.items()} for pace in paces])


def measured(ours: float = 30.0, small: float = 12.0) -> Score:
    """Three sizes; the machine was slow in one round of the largest."""
    return Score(
        sizes=[
            size(10_000, (1,), ours=small, spark=6.0),
            size(1_000_000, (1, 1.1), ours=5.0, spark=4.0),
            size(10_000_000, (1, 3, 1.1), ours=ours, spark=20.0),
        ]
    )


def test_ratios_are_taken_within_a_round() -> None:
    lines = cells(section(measured()))
    assert lines[0] == ["rows", "what", "wall, s", "CPU, s", "peak memory, MB", "wall, to bare Spark"]
    large = [line for line in lines[1:] if line[1] in (CONTESTANTS["ours"], CONTESTANTS["spark"])][-2:]
    assert large == [
        ["10,000,000", CONTESTANTS["ours"], "33.00 (30.00 to 90.00)", "66.00", "1,500", "1.50"],
        ["", CONTESTANTS["spark"], "22.00 (20.00 to 60.00)", "44.00", "1,500", "1.00"],
    ]


@pytest.mark.parametrize(
    ("found", "missed"),
    [(measured(), []), (measured(33.0), [0]), (measured(small=21.0), [2]), (measured(60.0), [0, 1])],
)
def test_what_was_wanted_is_judged(found: Score, missed: list[int]) -> None:
    told = wishes(found)
    assert [number for number, line in enumerate(told) if line.startswith("- **missed**")] == missed
    assert all(line in section(found) for line in told)
