"""Check an extract on this machine: `make check ACTIVITY=file.parquet`.

It runs the check of `check_activity` and the scoring job on the S3 emulator, without Airflow, Glue and CRM, and prints
what the job made of the rows. The exit status is 0 only if a run would get as far as the scores.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from local.check.night import Inputs, run


def main() -> int:
    """Check the extract of the command line; return 0 if a run would score it."""
    parser = argparse.ArgumentParser(prog="make check", description=__doc__)
    parser.add_argument("--activity", type=Path, required=True, help="a Parquet file, or a folder of them")
    parser.add_argument("--weights", type=Path, help="weights document; by default that of the jobs")
    arguments = parser.parse_args()
    for option, path in (("ACTIVITY", arguments.activity), ("WEIGHTS", arguments.weights)):
        if path and not path.exists():
            parser.exit(2, f"{option}={path}: no such file or folder\n")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(Inputs(arguments.activity.resolve(), arguments.weights))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
