"""The page's pictures: `python -m benchmarks.charts docs/performance.json FOLDER`, in `.venv-bench`."""

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

from benchmarks.push.report import AT_MS, NAMES
from benchmarks.score.report import CONTESTANTS

_OURS, _OTHERS = "#2563eb", "#94a3b8"
_SIZE = (8.0, 3.4)


def push(found: Any, axes: Axes) -> None:
    """Requests per second of each client at one latency, the fastest at the top."""
    (race,) = (race for race in found["races"] if race["latency_ms"] == AT_MS)
    rates = {
        name: statistics.median(figures[name]["rate"] for figures in race["rounds"])
        for name in NAMES
        if all(name in figures for figures in race["rounds"])
    }
    names = sorted(rates, key=rates.__getitem__)
    labels = [NAMES[name].format(concurrency=race["concurrency"]) for name in names]
    colours = [_OURS if name in ("ours", "spark") else _OTHERS for name in names]
    bars = axes.barh(labels, [rates[name] for name in names], color=colours)
    axes.bar_label(bars, [f"{rates[name]:,.0f}" for name in names], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel(f"requests per second at {AT_MS} ms latency, logarithmic")


def score(found: Any, axes: Axes) -> None:
    """Seconds by number of rows, a line for each contestant."""
    rows = [size["rows"] for size in found["sizes"]]
    for name, label in CONTESTANTS.items():
        walls = [statistics.median(each[name]["wall"] for each in size["rounds"]) for size in found["sizes"]]
        ours = name in ("ours", "bad")
        axes.plot(rows, walls, "o--" if name == "bad" else "o-", color=_OURS if ours else None, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rows")
    axes.set_ylabel("seconds")
    axes.legend(fontsize=8)


def end_to_end(found: Any, axes: Axes) -> None:
    """Where the time goes, as one bar of kinds of time."""
    kinds: dict[str, float] = {}
    for phase in found["phases"]:
        kinds[phase["kind"]] = kinds.get(phase["kind"], 0.0) + statistics.median(phase["seconds"])
    began = 0.0
    for kind, seconds in kinds.items():
        axes.barh([""], [seconds], left=[began], label=f"{kind} {seconds:.1f} s")
        began += seconds
    axes.set_xlabel("seconds from the visible file to the summary")
    axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.3))


def scale(found: Any, axes: Axes) -> None:
    """Hours of the whole run by number of users, a line for each limit of the CRM."""
    for limit in sorted({case["limit"] for case in found["cases"]}):
        cases = [case for case in found["cases"] if case["limit"] == limit]
        hours = [case["seconds"] / 3600 for case in cases]
        axes.plot([case["users"] for case in cases], hours, "o-", label=f"{limit:,} requests/s")
    axes.axhline(24, color=_OTHERS, linestyle=":", label="a day")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("users")
    axes.set_ylabel("hours")
    axes.legend(fontsize=8)


CHARTS: dict[str, Callable[[Any, Axes], None]] = {
    "push": push,
    "score": score,
    "end-to-end": end_to_end,
    "scale": scale,
}


def main(results: Path, folder: Path) -> None:
    """Draw all; the same figures give the same bytes."""
    mpl.rcParams.update({"svg.hashsalt": "engagement", "svg.fonttype": "none", "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "figure.facecolor": "white"})
    folder.mkdir(exist_ok=True)
    measured = json.loads(results.read_text(encoding="utf-8"))
    for name, draw in CHARTS.items():
        if name not in measured:
            continue
        figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
        draw(measured[name]["found"], axes)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
