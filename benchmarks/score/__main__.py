"""`make bench-score`: what job 1 takes beside others that read, score and write, and check nothing.

Prints a table, keeps what was measured in `.local/bench/score.json` and, after a complete run, writes
`docs/performance-score.md`. A missed wish is marked, and is no failure of the command.
"""

from __future__ import annotations

import argparse
import json
import time

from benchmarks import machine
from benchmarks.pages import disturbance, write
from benchmarks.score.report import CONTESTANTS, Measurements, document, table
from benchmarks.score.work import BAD, work
from local.processes import REPOSITORY

_FOLDER = REPOSITORY / ".local" / "bench"
_DOCUMENT = REPOSITORY / "docs" / "performance-score.md"
_ROUNDS = {10_000: 5, 1_000_000: 3, 10_000_000: 3}
_DIFFERENCE = 1e-3


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score", description=__doc__)
    parser.add_argument(
        "--rows", type=int, action="append", metavar="N", help="one size, else 10 thousand to 10 million"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each size, else 5, 3 and 3")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), help="some of the contestants")
    given = parser.parse_args(arguments)
    found = measure({rows: given.rounds or _ROUNDS.get(rows, 3) for rows in given.rows or _ROUNDS}, given.only)
    write(_FOLDER / "score.json", json.dumps(found, indent=2) + "\n")
    print(f"\n{table(found)}\n\n{disturbance(found['elsewhere'])}\n")
    if not given.rows and not given.only:
        write(_DOCUMENT, document(found))
    return 0


def measure(rounds: dict[int, int], only: list[str] | None) -> Measurements:
    """Let all contestants take turns, as many rounds of a number of rows as is said."""
    began, watch = time.monotonic(), machine.Watch()
    found = Measurements(cores=machine.cores(), cpu=machine.cpu_model(), seconds=0, elsewhere=0, sizes=[])
    for rows, count in rounds.items():
        found["sizes"].append({"rows": rows, "rounds": [{} for _ in range(count)]})
        with work(_FOLDER / "score", rows) as task:
            for number, figures in enumerate(found["sizes"][-1]["rounds"], start=1):
                means: dict[str, float] = {}
                for name in only or CONTESTANTS:
                    figures[name], means[name] = task.run(name)
                    used = figures[name]
                    print(
                        f"{time.monotonic() - began:6.1f} s  {rows:,} rows, round {number} of {count}: {name} "
                        f"{used['wall']:.1f} s, {used['cpu']:.1f} s CPU, {used['peak_memory'] / 1e6:,.0f} MB",
                        flush=True,
                    )
                # Halves that are rounded another way move the mean by less.
                same = [mean for name, mean in means.items() if name != BAD]  # whose extract is another
                if same and max(same) - min(same) > _DIFFERENCE:
                    raise RuntimeError(f"mean scores differ: {means}; the figures mean nothing")
    found["seconds"], found["elsewhere"] = time.monotonic() - began, watch.elsewhere()
    return found


if __name__ == "__main__":
    raise SystemExit(main())
