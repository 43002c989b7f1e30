"""The format of all measurements, from a running benchmark to docs/reference/performance.json."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import psutil

Figures = dict[str, dict[str, dict[str, list[float]]]]
"""Values by round, keyed by case, contestant and figure, such as `figures["50 ms"]["bare aiohttp"]["rate"]`.

Units by figure: `rate` requests per second, `cpu` CPU seconds, `wall` and `seconds` seconds, `memory` bytes.
"""


def values(figures: Figures, case: str, name: str, figure: str) -> list[float]:
    """Return the values of all rounds; an empty list if they were not measured."""
    return figures.get(case, {}).get(name, {}).get(figure, [])


def ratios(figures: Figures, case: str, figure: str, name: str, other: str) -> list[float]:
    """Divide one contestant's figure by another's within each round; an empty list if either was not measured."""
    ours, theirs = values(figures, case, name, figure), values(figures, case, other, figure)
    return [one / another for one, another in zip(ours, theirs, strict=True)] if ours and theirs else []


@dataclass(frozen=True)
class Part:
    """What one part of the benchmark measured.

    :param on: date of the measurement, YYYY-MM-DD
    :param seconds: duration of the measurement
    :param elsewhere: fraction of the machine's CPU time (0 to 1) that other programs used during it
    :param versions: version of each contestant, by name
    """

    on: str
    machine: str
    seconds: float
    elsewhere: float
    versions: dict[str, str]
    figures: Figures


Results = dict[str, Part]


@dataclass
class Measurement:
    """A part that is being measured.

    :param folder: working folder of the part; may remain afterward, with logs
    :param rounds: rounds of each comparison; None for the default of each comparison
    :param rows: numbers of rows to score; None for the default
    :param quick: measure only the contestants and cases that the project's targets need
    :param results: results of the parts that were measured before
    """

    folder: Path
    rounds: int | None = None
    rows: tuple[int, ...] | None = None
    quick: bool = False
    results: Results = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def add(self, case: str, name: str, **found: float) -> None:
        """ResultsFile and print the figures of one contestant in one round."""
        figures = self.figures.setdefault(case, {}).setdefault(name, {})
        for figure, value in found.items():
            figures.setdefault(figure, []).append(round(value, 4))
        self.say(f"{case}: {name}: " + ", ".join(f"{figure} {value:,.10g}" for figure, value in found.items()))

    def say(self, text: str) -> None:
        """Print a progress message."""
        print(f"{time.monotonic() - self._began:7.1f} s  {text}", flush=True)


class CpuTime:
    """CPU seconds since construction: of the machine, and of this process with its ended children."""

    def __init__(self) -> None:
        self._before = self._now()

    def elsewhere(self) -> float:
        """Return the fraction of the machine's CPU time (0 to 1) that other programs used."""
        total, busy, own = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return max(0.0, busy - own) / total if total else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        machine, own = psutil.cpu_times(), os.times()
        idle = machine.idle + machine.iowait
        busy = machine.user + machine.nice + machine.system + machine.irq + machine.softirq + machine.steal
        return idle + busy, busy, own.user + own.system + own.children_user + own.children_system


def measured(run: Measurement, measure: Callable[[Measurement], None]) -> Part:
    """Measure one part and describe the machine and the load during the measurement."""
    began, cpu = time.monotonic(), CpuTime()
    measure(run)
    return Part(
        on=datetime.now(UTC).date().isoformat(),
        machine=_machine(),
        seconds=round(time.monotonic() - began),
        elsewhere=round(cpu.elsewhere(), 3),
        versions=run.versions,
        figures=run.figures,
    )


def _machine() -> str:
    """Describe the CPU by cores and model, without the host name."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{len(os.sched_getaffinity(0))} cores ({model[1].strip() if model else os.uname().machine})"


@dataclass(frozen=True)
class ResultsFile:
    """The file that holds the results of all parts."""

    file: Path

    def load(self) -> Results:
        """Return the latest results by part; empty if the file does not exist."""
        found = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        return {name: Part(**part) for name, part in found.items()}

    def save(self, results: Results) -> Self:
        """Write the results, each list of numbers on one line."""
        text = json.dumps({name: asdict(part) for name, part in results.items()}, indent=1)
        flat = re.sub(r"\[\s+([^][]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(flat + "\n", encoding="utf-8")
        return self
