"""Run one day on this machine, from the nightly extract to the CRM: `make demo`.

The demo starts the emulators, deploys the template, starts the DAG, uploads the extract while the sensor waits, and
prints a summary of the run. It stops everything that it started, even if the run fails or is interrupted.
"""

import argparse
import json
import shutil
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from local import stack
from local.airflow_home import AirflowHome
from local.demo_progress import DemoLog, follow_run
from local.demo_table import format_table
from local.extract import write_extract
from local.fake_crm.fault_profiles import PROFILES
from local.processes import REPOSITORY

_FOLDER = REPOSITORY / ".local" / "demo"
_DEFAULT_RATE = 2000.0
_CRM_OPTIONS = ["--latency-ms", "20", "--latency-jitter-ms", "20"]
# With a fault, give up after 30 s; the default (600 s) allows for a deployment of a real CRM.
_UNAVAILABLE_TIMEOUT_SECONDS = 30


def main() -> int:
    """Run the demo; return 0 if the DAG run succeeded."""
    arguments = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT as well: a shell that starts the demo in the background makes it ignore SIGINT.
        signal.signal(number, _interrupt)
    log = DemoLog()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    try:
        return _run(arguments, log)
    except KeyboardInterrupt:
        log.write("Interrupted. All processes of the demo are stopped.")
        return 130


def _run(arguments: argparse.Namespace, log: DemoLog) -> int:
    log.write("Starting the S3 emulator, the AWS emulator and the fake CRM, and deploying infra/pipeline.yaml")
    fault_options = []
    if arguments.faults:
        log.write(f"Fault {arguments.faults}: {PROFILES[arguments.faults].what}")
        fault_options = ["--faults", arguments.faults]
    with ThreadPoolExecutor(1) as background:
        migration = background.submit(AirflowHome(_FOLDER / "airflow", {}, {}).migrate)
        with stack.running(_FOLDER, [*_CRM_OPTIONS, *fault_options]) as running_stack:
            return _run_day(arguments, running_stack, migration, log)


def _run_day(
    arguments: argparse.Namespace, running_stack: stack.RunningStack, migration: Future[None], log: DemoLog
) -> int:
    score_date = arguments.date.isoformat()
    log.write(f"S3 {running_stack.s3_url} · AWS {running_stack.aws_url} · CRM {running_stack.crm_url}")
    extract = _extract(arguments, log)
    settings = _settings(arguments, running_stack, extract)
    home = AirflowHome(_FOLDER / "airflow", running_stack.env, settings, push_retry_delay_seconds=10)
    migration.result()
    log.write("Starting a run of the DAG customer_engagement_scoring")
    dag_log = _FOLDER / "logs" / "dag.log"

    def upload_extract() -> None:
        bucket = running_stack.outputs["ActivityBucketName"]
        log.write(f"Uploading the extract to s3://{bucket}/activity/dt={score_date}/")
        _upload(running_stack, extract, score_date)

    def end_fault() -> None:
        if arguments.faults:
            running_stack.crm("DELETE", "faults")
            log.write("Switched the fault off: the retry of push_scores finds a healthy CRM")

    with home.dag_run(dag_log, {"score_date": score_date, "push_mode": "all"}) as process:
        follow_run(home, running_stack, process.poll, upload_extract, end_fault, log)
        status = process.wait()
    return _print_result(running_stack, score_date, status, dag_log, log)


def _upload(running_stack: stack.RunningStack, extract: Path, score_date: str) -> None:
    if extract.is_file():
        running_stack.upload_activity(extract, score_date)
        return
    s3, bucket = running_stack.client("s3"), running_stack.outputs["ActivityBucketName"]
    folder = f"activity/dt={score_date}"
    for path in sorted(each for each in extract.rglob("*") if each.is_file()):
        s3.upload_file(str(path), bucket, f"{folder}/{path.relative_to(extract).as_posix()}")
    s3.put_object(Bucket=bucket, Key=f"{folder}/_SUCCESS", Body=b"")


def _settings(arguments: argparse.Namespace, running_stack: stack.RunningStack, extract: Path) -> dict[str, Any]:
    settings = running_stack.settings(max_requests_per_second=arguments.rate)
    if extract.is_dir():
        settings["activity_key"] = "activity/dt={score_date}/_SUCCESS"
    if arguments.faults:
        settings["unavailable_timeout_seconds"] = _UNAVAILABLE_TIMEOUT_SECONDS
    return settings


def _extract(arguments: argparse.Namespace, log: DemoLog) -> Path:
    if arguments.activity:
        if not arguments.activity.exists():
            sys.exit(f"ACTIVITY={arguments.activity}: no such file or folder")
        return Path(arguments.activity)
    extract = write_extract(_FOLDER / "activity.parquet", arguments.rows, arguments.date)
    log.write(f"Generated an extract of {extract.rows:,} users ({extract.bytes:,} bytes)")
    return Path(extract.path)


def _print_result(running_stack: stack.RunningStack, score_date: str, status: int, dag_log: Path, log: DemoLog) -> int:
    bucket = running_stack.outputs["OutputBucketName"]
    path = running_stack.object_path(bucket, f"summaries/dt={score_date}/summary.json")
    if not path.exists():
        log.write(f"The DAG run ended without a summary; see {dag_log}")
        return 1
    summary: dict[str, Any] = json.loads(path.read_text())
    print(f"\n{format_table(summary)}\n")
    print(f"  Report   {running_stack.object_path(bucket, summary['report_key'])}")
    print(f"  Result   {'success' if status == 0 else 'FAILED: ' + summary['headline']}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="number of users in the generated extract")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="score date")
    parser.add_argument("--activity", type=Path, help="Parquet file or folder of them, not a generated one")
    parser.add_argument("--rate", type=float, default=_DEFAULT_RATE, help="maximum requests per second")
    parser.add_argument(
        "--faults", type=_fault_name, help="name of a fault of the CRM; `python -m local.fake_crm --list-faults`"
    )
    return parser


def _fault_name(name: str) -> str:
    if name not in PROFILES:
        raise argparse.ArgumentTypeError(f"unknown fault {name!r}; expected one of {', '.join(PROFILES)}")
    return name


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
