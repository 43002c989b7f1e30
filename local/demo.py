"""`make demo`: one day, from the nightly extract to the CRM, on this machine.

Starts the stand-ins, deploys the template, starts the DAG, lets the extract arrive while the sensor waits, and shows
what became of each user. Everything that it started is ended with it, whatever happens.
"""

import argparse
import contextlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from local import stack
from local.airflow_home import TASKS, AirflowHome
from local.demo_table import table
from local.extract import write_extract
from local.fake_crm.fault_profiles import PROFILES
from local.processes import REPOSITORY

_FOLDER = REPOSITORY / ".local" / "demo"
_DEFAULT_RATE = 2000.0
_CRM = ["--latency-ms", "20", "--latency-jitter-ms", "20"]
_NEWS = {
    "queued": "started",
    "running": "started",
    "deferred": "started",
    "up_for_retry": "failed, will be tried again",
    "success": "success",
    "failed": "FAILED",
    "upstream_failed": "not run",
}
_PROGRESS_SECONDS = 2.0
# With a fault; as long as it takes to see it, not as long as a CRM's deployment takes.
_GIVE_UP_SECONDS = 30


class Clock:
    """Lines on the terminal, each with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"{time.monotonic() - self._start:6.1f} s  {text}", flush=True)


def main() -> int:
    """Run the demo; return 0 when the DAG run succeeded."""
    arguments = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT too: a shell that starts this in the background has it ignored.
        signal.signal(number, _interrupt)
    clock = Clock()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    try:
        return run(arguments, clock)
    except KeyboardInterrupt:
        clock.say("Interrupted; everything that was started has been stopped.")
        return 130


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    """Start the stack, run the day, print the table."""
    clock.say("Starting S3, AWS APIs with Glue, and the CRM; deploying infra/pipeline.yaml")
    if arguments.faults:
        clock.say(f"Fault {arguments.faults}: {PROFILES[arguments.faults].what}")
    with ThreadPoolExecutor(1) as beside:
        migrated = beside.submit(AirflowHome(_FOLDER / "airflow", {}, {}).migrate)
        faults = ["--faults", arguments.faults] if arguments.faults else []
        with stack.running(_FOLDER, [*_CRM, *faults]) as world:
            return _run_day(arguments, world, migrated, clock)


def _run_day(arguments: argparse.Namespace, world: stack.RunningStack, migrated: Future[None], clock: Clock) -> int:
    score_date = arguments.date.isoformat()
    clock.say(f"S3 {world.s3_url} · AWS {world.aws_url} · CRM {world.crm_url}")
    patience = {"unavailable_timeout_seconds": _GIVE_UP_SECONDS} if arguments.faults else {}
    variable = world.settings(max_requests_per_second=arguments.rate, **patience)
    home = AirflowHome(_FOLDER / "airflow", world.env, variable, push_retry_delay_seconds=10)
    extract = _extract(arguments, clock)
    migrated.result()
    clock.say("Starting the DAG customer_engagement_scoring")
    conf = {"score_date": score_date, "push_mode": "all"}
    with home.dag_run(_FOLDER / "logs" / "dag.log", conf) as process:

        def arrive() -> None:
            world.upload_activity(extract, score_date)
            clock.say(f"The extract arrives: s3://{world.outputs['ActivityBucketName']}/activity/dt={score_date}/")

        def mend() -> None:
            if arguments.faults:
                world.crm("DELETE", "faults")
                clock.say("The fault ends; the next attempt finds the CRM well")

        follow(home, world, process.poll, arrive, mend, clock)
        status = process.wait()
    summary = _summary(world, score_date)
    if summary is None:
        clock.say(f"The DAG run ended without a summary; see {_FOLDER / 'logs' / 'dag.log'}")
        return 1
    print(f"\n{table(summary)}\n")
    print(f"  Report   {world.object_path(world.outputs['OutputBucketName'], summary['report_key'])}")
    print(f"  Result   {'the day is delivered' if status == 0 else 'FAILED: ' + summary['headline']}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="users in the generated extract")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="day to score")
    parser.add_argument("--activity", type=Path, help="a Parquet file of your own instead of a generated one")
    parser.add_argument("--rate", type=float, default=_DEFAULT_RATE, help="requests per second")
    parser.add_argument(
        "--faults", type=_profile, help="a fault of the CRM, by name; `python -m local.fake_crm --list-faults`"
    )
    return parser


def _profile(name: str) -> str:
    if name not in PROFILES:
        raise argparse.ArgumentTypeError(f"there is no fault {name!r}; known are {', '.join(PROFILES)}")
    return name


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


def _extract(arguments: argparse.Namespace, clock: Clock) -> Path:
    if arguments.activity:
        if not arguments.activity.is_file():
            sys.exit(f"ACTIVITY={arguments.activity}: there is no such file")
        return Path(arguments.activity)
    extract = write_extract(_FOLDER / "activity.parquet", arguments.rows, arguments.date)
    clock.say(f"Generated an extract of {extract.rows:,} users, {extract.bytes:,} bytes")
    return Path(extract.path)


def follow(
    home: AirflowHome,
    world: stack.RunningStack,
    ended: Callable[[], int | None],
    arrive: Callable[[], None],
    mend: Callable[[], None],
    clock: Clock,
) -> None:
    """Tell how each task goes until the run has ended.

    :param arrive: called once the sensor waits for the extract
    :param mend: called once the first attempt of the push has failed
    """
    told: dict[str, str] = {}
    arrived = False
    progress = _progress(world, clock)
    while ended() is None:
        states = home.states()
        for task in TASKS:
            news = _NEWS.get(states.get(task, ""))
            if news and news != told.get(task):
                clock.say(f"{task:<20} {news}")
                told[task] = news
                if (task, news) == ("push_scores", _NEWS["up_for_retry"]):
                    mend()
        if not arrived and states.get("wait_for_activity") == "deferred":
            arrive()
            arrived = True
        if told.get("push_scores") == _NEWS["running"]:
            next(progress)
        time.sleep(0.3)
    for task, state in home.states().items():
        if state in _NEWS and _NEWS[state] != told.get(task):
            clock.say(f"{task:<20} {_NEWS[state]}")


def _progress(world: stack.RunningStack, clock: Clock) -> Iterator[None]:
    """Tell now and then how many users the CRM has."""
    told, users = time.monotonic(), 0
    while True:
        if time.monotonic() - told >= _PROGRESS_SECONDS:
            told = time.monotonic()
            now = users
            with contextlib.suppress(OSError):
                now = world.crm("GET", "stats")["users"]
            if now != users:
                clock.say(f"{'':<20} the CRM has {now:,} users")
                users = now
        yield


def _summary(world: stack.RunningStack, score_date: str) -> dict[str, Any] | None:
    path = world.object_path(world.outputs["OutputBucketName"], f"summaries/dt={score_date}/summary.json")
    summary: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return summary


if __name__ == "__main__":
    sys.exit(main())
