"""`airflow scheduler`, which has imported what every task would import first.

A task is a process forked from the scheduler's. The provider and what belongs to it are two thirds of the CPU that ours
spend on imports; nothing of this project is among it, so that an edit is live.
"""

import sys

import airflow.providers.amazon.aws.operators.glue
import airflow.providers.amazon.aws.sensors.s3  # noqa: F401
from airflow.__main__ import main

if __name__ == "__main__":
    sys.argv = ["airflow", "scheduler"]
    main()  # type: ignore[no-untyped-call] # Airflow's own
