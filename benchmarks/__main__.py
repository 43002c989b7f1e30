"""`make bench`: measure all parts on this machine, one after the other, and write docs/reference/performance.md.

Parts that are not selected keep the figures of their last measurement. A missed target does not fail the command.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from benchmarks import page, processes
from benchmarks.day import benchmark as day
from benchmarks.push import benchmark as push
from benchmarks.results import Measurement, ResultsFile, measured
from benchmarks.scale import benchmark as scale
from benchmarks.score import benchmark as score
from local.processes import REPOSITORY

# In the order of the page; the scale model uses the figures of the other parts.
PARTS: dict[str, ModuleType] = {"push": push, "score": score, "end-to-end": day, "scale": scale}
_SCRATCH = REPOSITORY / ".local" / "bench"


def main(arguments: list[str] | None = None) -> int:
    """Measure the selected parts, draw the charts and write the page; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="parts to measure")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each comparison (default: 2 to 7)")
    parser.add_argument("--rows", type=int, nargs="+", metavar="N", help="numbers of rows to score")
    parser.add_argument("--quick", action="store_true", help="measure only what the targets need")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write to this folder instead of docs/reference/")
    given = parser.parse_args(arguments)
    # SIGINT as well: a shell makes background processes ignore it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    processes.adopt_orphans()
    folder: Path = (given.out or (_SCRATCH / "quick" if given.quick else REPOSITORY / "docs" / "reference")).resolve()
    store = ResultsFile(folder / "performance.json")
    results = store.load()
    rows = tuple(given.rows) if given.rows else None
    try:
        for name in (part for part in PARTS if part in given.only):
            run = Measurement(_SCRATCH / name, given.rounds, rows, given.quick, results)
            results[name] = measured(run, PARTS[name].measure)
            processes.reap_orphans()
            store.save({part: results[part] for part in PARTS if part in results})
    except KeyboardInterrupt:
        print("Interrupted. All started processes have been stopped.")
        return 130
    if not given.quick:
        draw = [str(processes.BENCH), "-m", "benchmarks.charts", str(store.file), str(folder / "charts")]
        subprocess.run(draw, check=True, cwd=REPOSITORY)
        (folder / "performance.md").write_text(page.document(PARTS, results), encoding="utf-8")
    print(page.target_table([each for name in given.only for each in PARTS[name].targets(results[name].figures)]))
    print(f"Wrote {folder}")
    return 0


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
