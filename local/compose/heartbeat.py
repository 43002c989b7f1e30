"""Exit with 0 if an Airflow process has a recent heartbeat: `python -m local.compose.heartbeat JOB_TYPE`.

Like `airflow jobs check`, but without importing Airflow, which takes seconds of CPU time for every check.
"""

import os
import sys
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]

MAX_AGE_SECONDS = 30
_QUERY = """
SELECT extract(epoch FROM now() - latest_heartbeat) FROM job
WHERE job_type = %s AND state = 'running' AND start_date > now() - %s * interval '1 second'
ORDER BY latest_heartbeat DESC LIMIT 1
"""


def container_seconds() -> float:
    """Return the seconds since this container started. Older heartbeats are those of an earlier process."""
    ticks = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Check the latest heartbeat of a job type."""
    job_type = sys.argv[1]
    address = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
    try:
        connection = psycopg2.connect(address, connect_timeout=5)
    except psycopg2.OperationalError as error:
        sys.exit(f"no connection to the metadata database: {error}")
    try:
        with connection.cursor() as cursor:
            cursor.execute(_QUERY, (job_type, container_seconds()))
            row = cursor.fetchone()
    finally:
        connection.close()
    if row is None:
        sys.exit(f"no running {job_type}")
    if row[0] > MAX_AGE_SECONDS:
        sys.exit(f"last heartbeat of {job_type}: {row[0]:.0f} s ago, expected at most {MAX_AGE_SECONDS} s")


if __name__ == "__main__":
    main()
