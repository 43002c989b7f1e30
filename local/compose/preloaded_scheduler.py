"""`airflow scheduler` with preloaded imports.

Tasks are forked from the scheduler's process. Importing the Amazon provider takes two thirds of the CPU time that a
task spends on imports. Code of this project is not preloaded, so that edits take effect at once.
"""

import sys

import airflow.providers.amazon.aws.operators.glue
import airflow.providers.amazon.aws.sensors.s3  # noqa: F401
from airflow.__main__ import main

if __name__ == "__main__":
    sys.argv = ["airflow", "scheduler"]
    main()  # type: ignore[no-untyped-call] # Airflow has no annotation here
