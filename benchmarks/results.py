"""What was measured, part by part, as it lies in docs/performance.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from benchmarks import machine, pages
from local.processes import REPOSITORY

FILE = REPOSITORY / "docs" / "performance.json"


class Result(TypedDict):
    """One part: what it found, when and on what, the seconds that it took, and the share of the machine's CPU time
    (0 to 1) that other programs had meanwhile."""

    on: str
    cores: int
    cpu: str
    seconds: float
    elsewhere: float
    found: Any


def measured(measure: Callable[[], Any]) -> Result:
    """Measure one part."""
    began, watch = time.monotonic(), machine.Watch()
    found = measure()
    return Result(
        on=datetime.now(UTC).date().isoformat(),
        cores=machine.cores(),
        cpu=machine.cpu_model(),
        seconds=round(time.monotonic() - began),
        elsewhere=round(watch.elsewhere(), 3),
        found=found,
    )


def told(result: Result) -> str:
    """When and on what it was measured, as one line."""
    minutes = max(1, round(result["seconds"] / 60))
    return (
        f"*Measured {result['on']} on {result['cores']} cores ({result['cpu']}) in {minutes} "
        f"minute{'s' if minutes > 1 else ''}; {pages.disturbance(result['elsewhere'])}.*"
    )


def load(file: Path = FILE) -> dict[str, Result]:
    """What was measured last, by part; empty when nothing was."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def save(results: dict[str, Result], file: Path = FILE) -> None:
    """Keep it, in the order of its parts."""
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
