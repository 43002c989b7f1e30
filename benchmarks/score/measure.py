"""Job 1 beside others that read, score and write, and check nothing: wall clock, CPU and memory by number of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.score.report import CONTESTANTS, Score, Size
from benchmarks.score.work import BAD, work

_ROUNDS = {10_000: 5, 1_000_000: 3, 10_000_000: 3}
_DIFFERENCE = 1e-3


def measure(folder: Path, rounds: int | None, say: Callable[[str], None]) -> Score:
    """Let all contestants take turns over each number of rows, `rounds` times or as often as each has by itself."""
    return Score(sizes=[measure_size(folder, rows, rounds or count, say) for rows, count in _ROUNDS.items()])


def measure_size(folder: Path, rows: int, rounds: int, say: Callable[[str], None]) -> Size:
    """The same over one number of rows. Raises RuntimeError when contestants do not agree on the mean score."""
    found = Size(rows=rows, rounds=[{} for _ in range(rounds)])
    with work(folder, rows) as task:
        for number, figures in enumerate(found["rounds"], start=1):
            means: dict[str, float] = {}
            for name in CONTESTANTS:
                figures[name], means[name] = task.run(name)
                used = figures[name]
                say(
                    f"{rows:,} rows, round {number} of {rounds}: {name} "
                    f"{used['wall']:.1f} s, {used['cpu']:.1f} s CPU, {used['peak_memory'] / 1e6:,.0f} MB"
                )
            # Halves that are rounded another way move the mean by less.
            same = [mean for name, mean in means.items() if name != BAD]  # whose extract is another
            if max(same) - min(same) > _DIFFERENCE:
                raise RuntimeError(f"mean scores differ: {means}; the figures mean nothing")
    return found
