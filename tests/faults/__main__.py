"""Run the fault matrix, or some scenarios of it; exit with 1 if an expectation did not hold."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from local.processes import REPOSITORY
from tests.faults import page
from tests.faults.evidence import Measured
from tests.faults.run import SCENARIOS, run_matrix
from tests.faults.scenario import Scenario

_FOLDER = REPOSITORY / ".local" / "faults"
_PAGE = REPOSITORY / "docs" / "reference" / "fault-matrix.md"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these scenarios and do not write the page")
    parser.add_argument("--workers", type=int, default=2, help="scenarios that run in parallel (default: 2)")
    parser.add_argument("--list", action="store_true", help="list the scenarios and exit")
    parser.add_argument("--page", type=Path, default=_PAGE, help="file to write")
    return parser


def select(names: list[str] | None) -> list[Scenario]:
    """Return the scenarios of these names, all for None; exit if a name is unknown."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    unknown = sorted(set(names or ()) - known.keys())
    if unknown:
        sys.exit(f"ONLY={' '.join(unknown)}: no such scenario; expected some of {', '.join(known)}")
    return [scenario for scenario in SCENARIOS if names is None or scenario.name in names]


def main() -> int:
    """Run the matrix and return the exit status."""
    arguments = _parser().parse_args()
    if arguments.list:
        print("\n".join(f"{scenario.name:<22} {scenario.what}" for scenario in SCENARIOS))
        return 0
    scenarios = select(arguments.only)
    began = time.monotonic()
    shutil.rmtree(_FOLDER, ignore_errors=True)

    def report(scenario: Scenario, measured: Measured) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {page.summary_line(scenario, measured)}", flush=True)

    measured = run_matrix(scenarios, _FOLDER, max(1, arguments.workers), report)
    broken = sum(bool(each.broken) for each in measured.values())
    if arguments.only is None:
        arguments.page.write_text(page.page(scenarios, measured), encoding="utf-8")
        print(f"wrote {arguments.page}")
    print(f"{len(measured) - broken} scenarios held, {broken} did not, in {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
