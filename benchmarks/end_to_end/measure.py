"""Days on the embedded stack, one after the other: some that do not count, then the rounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.end_to_end import scheduler, timeline
from benchmarks.end_to_end.adoption import adopting
from benchmarks.end_to_end.day import Days
from benchmarks.end_to_end.glue_jobs import GlueJobs
from benchmarks.end_to_end.measurements import EndToEnd
from benchmarks.end_to_end.moments import Moments
from local import stack
from local.extract import write_extract

USERS, RATE, LATENCY_MS = 10_000, 1_000, 50
_ROUNDS = 3
EARLIER_DAYS = 2  # the first starts Java, and nothing is cached; the second has all that a third has
# As everywhere on this machine; the DAG's own defaults are those of a day that has time.
CONFIG = {"sensor_poke_seconds": 1, "glue_poll_seconds": 1}
_CRM = ["--rate", str(RATE), "--latency-ms", str(LATENCY_MS)]
# The timetable starts a run for the present date by itself, whose extract must not come.
_LATEST_DAYS_AGO = 7


def measure(folder: Path, rounds: int | None, say: Callable[[str], None]) -> EndToEnd:
    """Start the stack and Airflow in `folder`, run the days, end everything; the logs stay there until the next time.

    Raises RuntimeError when a day does not end well, ValueError when its moments contradict each other.
    """
    shutil.rmtree(folder, ignore_errors=True)
    rounds = rounds or _ROUNDS
    days = EARLIER_DAYS + rounds
    first = datetime.now(UTC).date() - timedelta(days=_LATEST_DAYS_AGO + days)
    found: list[Moments] = []
    say("end to end: the stack and Airflow are started")
    with (
        adopting(),
        stack.running(folder, _CRM, scheduler=True) as world,
        scheduler.running(folder / "airflow", world, world.settings(max_requests_per_second=RATE), CONFIG) as airflow,
    ):
        jobs = GlueJobs(world, folder / "spark-events")
        jobs.prepare()
        running = Days(world, airflow, jobs)
        for number in range(days):
            date = first + timedelta(days=number)
            extract = Path(write_extract(folder / "activity.parquet", USERS, date).path)
            # Each round comes at another moment between two looks of the sensor.
            pause = CONFIG["sensor_poke_seconds"] * (number % rounds) / rounds
            day = running.run(extract, date.isoformat(), USERS, pause)
            took = f"{day.summary - day.visible:.1f} s"
            if number < EARLIER_DAYS:
                say(f"end to end: an earlier day, which does not count, {took}")
            else:
                found.append(day)
                say(f"end to end: round {len(found)} of {rounds}, {took}")
    return EndToEnd(
        users=USERS,
        requests_per_second=RATE,
        latency_ms=LATENCY_MS,
        sensor_poke_seconds=CONFIG["sensor_poke_seconds"],
        glue_poll_seconds=CONFIG["glue_poll_seconds"],
        earlier_days=EARLIER_DAYS,
        seconds=[day.summary - day.visible for day in found],
        phases=timeline.phases(found),
    )
