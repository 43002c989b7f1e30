"""Run tiers of tests, each in its environment: `.venv/bin/python -m tests.run unit contract spark day`.

Two parts run in parallel, because each one waits part of the time, and up to two more that hardly use the processor.
The last line counts the tests of all parts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
JOBS = 2
_DAY = "tests/stack/test_one_day.py"
_DELIVERY = "tests/unit/glue_jobs/engagement_jobs/delivery"
_VERDICTS = (f"{_DELIVERY}/evidence", f"{_DELIVERY}/test_oauth_tokens.py")
_IN_ORDER = ("-p", "no:randomly", "-vv", "-s")  # tests on a compose stack share its dates

_printing = threading.Lock()


@dataclass(frozen=True)
class Part:
    """Tests that run in one pytest process.

    :param environment: folder of the virtual environment
    :param arguments: arguments of pytest
    :param waits: its tests wait for time to pass, so that it can run next to others
    """

    environment: str
    arguments: tuple[str, ...]
    waits: bool = False


# They start in this order, the longest first.
PARTS = {
    "compose": Part(".venv", ("tests/compose/live", *_IN_ORDER, "--durations=0", "--durations-min=1")),
    "browser": Part(".venv-browser", ("tests/browser", "-vv", "-s")),
    "glue6": Part(".venv-glue6", ("tests/spark", "tests/extracts")),
    "extracts": Part(".venv-glue", ("tests/extracts",)),
    "spark": Part(".venv-glue", ("tests/spark",)),
    "stack": Part(".venv", ("tests/stack", f"--ignore={_DAY}")),
    "faults": Part(".venv", ("tests/faults",)),
    "local": Part(".venv", ("tests/local",)),
    "unit": Part(".venv", ("tests/unit",)),
    "unit-glue": Part(".venv-glue", ("tests/unit", f"--ignore={_DELIVERY}")),
    "delivery": Part(".venv-glue", (_DELIVERY, *(f"--ignore={path}" for path in _VERDICTS)), waits=True),
    "verdicts": Part(".venv-glue", _VERDICTS, waits=True),
    "day": Part(".venv", (_DAY,)),
    "contract": Part(".venv", ("tests/contract",)),
}


@dataclass(frozen=True)
class Result:
    """The result of a part: numbers of tests, and the duration in seconds."""

    passed: int
    failed: int
    seconds: float

    @classmethod
    def read(cls, report: Path, exit_code: int, seconds: float) -> Result:
        """Count the tests in a JUnit report. A part that fails otherwise, or without a report, is one failure."""
        total = failed = 0
        has_report = report.exists()
        if has_report:
            for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - written by pytest
                total += int(suite.get("tests", 0)) - int(suite.get("skipped", 0))
                failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        passed = max(total - failed, 0)
        if failed == 0 and (exit_code != 0 or not has_report):
            failed = 1
        return cls(passed, failed, seconds)


def run_part(name: str, folder: Path, options: Sequence[str], coverage: bool) -> Result:
    """Run a part and print its output, each line with the name of the part."""
    part, report = PARTS[name], folder / f"{name}.xml"
    started_at = time.monotonic()
    runner = ["coverage", "run", "--module"] if coverage else []
    command = [str(ROOT / part.environment / "bin" / "python"), "-m", *runner, "pytest", "-q"]
    command += ["-p", "no:cacheprovider", f"--junitxml={report}", *part.arguments, *options]
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "COVERAGE_FILE": str(folder / f".coverage.{name}")}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            with _printing:
                print(f"{name:9} | {line}", end="", flush=True)
    return Result.read(report, process.returncode, time.monotonic() - started_at)


def print_coverage(folder: Path) -> None:
    """Print line and branch coverage of the product, combined over all parts."""
    coverage = [sys.executable, "-m", "coverage"]
    env = os.environ | {"COVERAGE_FILE": str(folder / ".coverage")}
    subprocess.run([*coverage, "combine", "--quiet", str(folder)], cwd=ROOT, env=env, check=True)
    subprocess.run([*coverage, "report"], cwd=ROOT, env=env, check=True)


def main() -> int:
    """Run the parts on the command line; return 0 if no test failed."""
    parser = argparse.ArgumentParser(prog="tests.run", description=__doc__)
    parser.add_argument("parts", nargs="+", choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--coverage", action="store_true", help="measure branch coverage of the product and print it")
    arguments, options = parser.parse_known_args()
    names = [name for name in PARTS if name in arguments.parts]
    with tempfile.TemporaryDirectory(prefix="tests-") as scratch:
        folder = Path(scratch)
        with ThreadPoolExecutor(JOBS) as pool, ThreadPoolExecutor(2) as waiting:
            runs = {
                name: (waiting if PARTS[name].waits else pool).submit(
                    run_part, name, folder, options, arguments.coverage
                )
                for name in names
            }
        results = {name: run.result() for name, run in runs.items()}
        if arguments.coverage:
            print_coverage(folder)
    for name, result in results.items():
        print(f"==> {name}: {result.passed} passed, {result.failed} failed in {result.seconds:.0f} s")
    failed = sum(result.failed for result in results.values())
    print(f"{sum(result.passed for result in results.values())} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
