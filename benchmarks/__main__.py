"""`make bench`: measure everything on this machine, one after the other, and write docs/performance.md.

What was measured is kept in docs/performance.json; of a part that is left out, what was measured last stays there and
on the page, with its date. A missed wish is marked, and is no failure of the command.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from benchmarks import dag_import, jobs, page, results
from benchmarks.end_to_end.measure import measure as end_to_end
from benchmarks.push.measure import measure as push
from benchmarks.results import Result
from benchmarks.scale.measure import measure as scale
from benchmarks.scale.measured import Measured
from benchmarks.score.measure import measure as score
from local.processes import REPOSITORY

_FOLDER = REPOSITORY / ".local" / "bench"
_PAGE = REPOSITORY / "docs" / "performance.md"

Say = Callable[[str], None]


def main(arguments: list[str] | None = None) -> int:
    """Measure, draw and write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(page.PARTS), default=list(page.PARTS), help="some parts")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each comparison, else 3 to 7")
    given = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT too: a shell that starts this in the background has it ignored.
        signal.signal(number, _interrupt)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    found = results.load()
    try:
        for part in page.PARTS:
            if part in given.only:
                found[part] = results.measured(lambda: _measure(part, found, given.rounds, say))  # noqa: B023 - at once
                results.save(found)
                say(f"{part} is in {results.FILE.relative_to(REPOSITORY)}")
    except KeyboardInterrupt:
        print("Interrupted; everything that was started has been stopped.")
        return 130
    subprocess.run(
        [jobs.BENCH, "-m", "benchmarks.charts", results.FILE, _PAGE.parent / "charts"], check=True, cwd=REPOSITORY
    )
    _PAGE.write_text(page.document(found), encoding="utf-8")
    print("\n".join(page.wishes(found)), f"\nWrote {_PAGE.relative_to(REPOSITORY)}")
    return 0


def _measure(part: str, found: dict[str, Result], rounds: int | None, say: Say) -> Any:
    folder = _FOLDER / part
    if part == "push":
        return push(folder, rounds, say)
    if part == "score":
        return score(folder, rounds, say)
    if part == "end-to-end":
        return end_to_end(folder, rounds, say)
    if part == "dag-import":
        return dag_import.measure(rounds, say)
    return scale(folder, Measured.of(found), say)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
