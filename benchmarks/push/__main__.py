"""`make bench`: how fast a push is, what CPU and memory it takes, beside the least that the same library can do.

Prints a table, keeps what was measured in `.local/bench/push.json` (of one part, `push-<part>.json`) and, after a
complete run, writes `docs/performance.md`. A missed wish is marked, and is no failure of the command.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from benchmarks import machine
from benchmarks.pages import disturbance, write
from benchmarks.push import parts, wrk
from benchmarks.push.clients import versions
from benchmarks.push.document import document
from benchmarks.push.measurements import Machine, Measurements
from benchmarks.push.report import WITHOUT_WRK, table
from local.processes import REPOSITORY

_FOLDER = REPOSITORY / ".local" / "bench"
_DOCUMENT = REPOSITORY / "docs" / "performance.md"
_PARTS = ("latency", "cpu", "memory")
_LATENCY_ROUNDS, _CPU_ROUNDS = 3, 5


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; return the exit status."""
    given = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT too: a shell that starts this in the background has it ignored.
        signal.signal(number, _interrupt)
    try:
        found = measure([given.only] if given.only else _PARTS, given.rounds)
    except KeyboardInterrupt:
        print("Interrupted; everything that was started has been stopped.")
        return 130
    write(_FOLDER / (f"push-{given.only}.json" if given.only else "push.json"), json.dumps(found, indent=2) + "\n")
    print(f"\n{table(found)}\n\n{disturbance(found['elsewhere'])}\n")
    if given.only:
        print(f"{_DOCUMENT.relative_to(REPOSITORY)} is left as it is: only a complete run writes it.")
    else:
        write(_DOCUMENT, document(found))
    return 0


def measure(wanted: Sequence[str], rounds: int | None) -> Measurements:
    """Run the wanted parts, one after the other."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    _FOLDER.mkdir(parents=True, exist_ok=True)
    watch = machine.Watch()
    python, aiohttp = versions()
    here = Machine(cores=machine.cores(), cpu=machine.cpu_model(), python=python, aiohttp=aiohttp, wrk=wrk.version())
    found = Measurements(machine=here, seconds=0, elsewhere=0)
    if "latency" in wanted:
        if here["wrk"] is None:
            say(WITHOUT_WRK)
        found["latency"] = parts.latency(_FOLDER, rounds or _LATENCY_ROUNDS, say)
    if "cpu" in wanted:
        found["cpu"] = parts.cpu(_FOLDER, rounds or _CPU_ROUNDS, say)
    if "memory" in wanted:
        found["memory"] = parts.memory(_FOLDER, say)
    found["seconds"], found["elsewhere"] = time.monotonic() - began, watch.elsewhere()
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push", description=__doc__)
    parser.add_argument("--only", choices=_PARTS, help="measure one part")
    parser.add_argument(
        "--rounds",
        type=_count,
        metavar="N",
        help=f"rounds of latency (else {_LATENCY_ROUNDS}) and of CPU (else {_CPU_ROUNDS})",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a whole number of at least 1")
    return int(text)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
