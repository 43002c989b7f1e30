"""Draw the charts of the page: `python -m benchmarks.charts RESULTS FOLDER`, in the environment of the peers."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.day.timeline import STEPS

_OURS, _OTHERS = "#2563eb", "#94a3b8"
_OUR_NAMES = ("delivery core", "push job on Spark")
_SIZE = (8.0, 3.4)
Figures = dict[str, dict[str, dict[str, list[float]]]]


def push(figures: Figures, axes: Axes) -> None:
    """Draw the requests per second of each client at 50 ms, the fastest at the top."""
    rates = {name: statistics.median(found["rate"]) for name, found in figures["50 ms"].items()}
    names = sorted(rates, key=rates.__getitem__)
    colors = [_OURS if name in _OUR_NAMES else _OTHERS for name in names]
    bars = axes.barh(names, [rates[name] for name in names], color=colors)
    axes.bar_label(bars, [f"{rates[name]:,.0f}" for name in names], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel("requests per second at 50 ms latency, logarithmic")


def score(figures: Figures, axes: Axes) -> None:
    """Draw seconds by number of rows, one line per contestant."""
    for name in list(figures.values())[-1]:
        ours = name.startswith("this project")
        _line(axes, figures, name, "wall", color=_OURS if ours else None, linestyle="--" if "bad" in name else "-")
    _logarithmic(axes, "rows", "seconds")


def end_to_end(figures: Figures, axes: Axes) -> None:
    """Draw the timeline of a day: one bar per task, one color per kind of time."""
    kinds = list(dict.fromkeys(step.kind for step in STEPS))
    begins = 0.0
    for step in STEPS:
        took = statistics.median(figures["day"][step.name]["seconds"])
        axes.barh(step.task, took, left=begins, color=f"C{kinds.index(step.kind)}")
        begins += took
    axes.invert_yaxis()
    axes.set_xlabel("seconds from the visible extract to the summary")
    axes.legend([plt.Rectangle((0, 0), 1, 1, color=f"C{place}") for place in range(len(kinds))], kinds, fontsize=8)


def scale(figures: Figures, axes: Axes) -> None:
    """Draw hours of a night by number of users, one line per rate limit."""
    for limit, nights in figures.items():
        if limit == "speeds":
            continue
        users = [int(name.replace(",", "")) for name in nights]
        axes.plot(users, [found["hours"][0] for found in nights.values()], "o-", label=limit)
    axes.axhline(24, color=_OTHERS, linestyle=":", label="a day")
    _logarithmic(axes, "users", "hours")


def _line(axes: Axes, figures: Figures, name: str, figure: str, **style: Any) -> None:
    """Draw medians by the number in each case's name, such as "10,000 rows"."""
    found = {int(case.split()[0].replace(",", "")): of_case[name][figure] for case, of_case in figures.items()}
    axes.plot(list(found), [statistics.median(rounds) for rounds in found.values()], marker="o", label=name, **style)


def _logarithmic(axes: Axes, x: str, y: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(fontsize=8)


CHARTS: dict[str, Callable[[Figures, Axes], None]] = {
    "push": push,
    "score": score,
    "end-to-end": end_to_end,
    "scale": scale,
}


def main(results: Path, folder: Path) -> None:
    """Draw a chart for each measured part; the same figures give the same bytes."""
    mpl.rcParams.update({"svg.hashsalt": "engagement", "svg.fonttype": "none", "figure.facecolor": "white"})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    folder.mkdir(exist_ok=True)
    measured = json.loads(results.read_text(encoding="utf-8"))
    for name in CHARTS.keys() & measured.keys():
        figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
        CHARTS[name](measured[name]["figures"], axes)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
