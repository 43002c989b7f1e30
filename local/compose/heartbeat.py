"""`python -m local.compose.heartbeat JOB_TYPE`: exit 0 when that Airflow process gave a sign of life just now.

As `airflow jobs check` does, but without the seconds of work that importing Airflow costs at every check.
"""

import os
import sys
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]

FRESH_SECONDS = 30
_QUERY = """
SELECT extract(epoch FROM now() - latest_heartbeat) FROM job
WHERE job_type = %s AND state = 'running' AND start_date > now() - %s * interval '1 second'
ORDER BY latest_heartbeat DESC LIMIT 1
"""


def container_seconds() -> float:
    """Seconds since this container was started: what a process before that has left behind says nothing of this one."""
    ticks = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Look at the newest heartbeat of that type of job."""
    job_type = sys.argv[1]
    address = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
    try:
        connection = psycopg2.connect(address, connect_timeout=5)
    except psycopg2.OperationalError as error:
        sys.exit(f"the metadata database does not answer: {error}")
    try:
        with connection.cursor() as cursor:
            cursor.execute(_QUERY, (job_type, container_seconds()))
            found = cursor.fetchone()
    finally:
        connection.close()
    if found is None:
        sys.exit(f"no running {job_type}")
    if found[0] > FRESH_SECONDS:
        sys.exit(f"last heartbeat of {job_type} {found[0]:.0f} s ago, wanted at most {FRESH_SECONDS} s")


if __name__ == "__main__":
    main()
