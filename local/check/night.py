"""The part of a night that an extract decides: the check of `check_activity` and the scoring job."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engagement.aws.s3 import Bucket
from engagement.checks.extract_check import MARKER, check_extract
from engagement.config.settings import Settings
from engagement.contract.errors import ExtractError
from engagement.contract.s3_keys import scores_manifest_key
from local import artifacts, stack
from local.aws_emulator import process_session
from local.aws_emulator.emulator_settings import EmulatorSettings
from local.aws_emulator.glue.job_command import prepare_command
from local.check import report
from local.processes import REPOSITORY, terminate_on_exit
from local.s3_emulator import serve
from local.spark import conf

FOLDER = REPOSITORY / ".local" / "check"
_ACTIVITY, _OUTPUT, _ARTIFACTS = "activity", "output", "artifacts"
"""Buckets."""
_DEFAULTS = ("max_invalid_fraction", "stall_timeout_seconds")
"""Settings of the scoring job whose defaults apply."""


@dataclass(frozen=True)
class Inputs:
    """What to check.

    :param activity: a Parquet file, or a folder of them
    :param weights: weights document; None for the default one
    :param folder: for the emulator's objects and the log of the job; emptied first
    """

    activity: Path
    weights: Path | None = None
    folder: Path = FOLDER

    def objects(self, bucket: str) -> Path:
        """Return the folder with the objects of a bucket."""
        return self.folder / "s3" / bucket

    @property
    def log(self) -> Path:
        """File with the output of the scoring job."""
        return self.folder / "score_users.log"


def run(inputs: Inputs) -> int:
    """Check an extract and print the result; return 0 if a run would score it."""
    shutil.rmtree(inputs.folder, ignore_errors=True)
    inputs.objects(_OUTPUT).mkdir(parents=True)
    artifacts.build(inputs.objects(_ARTIFACTS))
    key = _copy_activity(inputs)
    date = datetime.now(UTC).date().isoformat()
    with serve(inputs.folder / "s3") as s3_url:
        try:
            checked = check_extract(Bucket(stack.client("s3", s3_url), _ACTIVITY), key)
        except ExtractError as error:
            print(f"check_activity failed: {error}")
            return 1
        print(f"check_activity: {checked['input_uri']} is complete, {checked['bytes']:,} bytes", flush=True)
        failure = _score(inputs, s3_url, _job_arguments(inputs, checked, date))
    print(report.format_invalid_rows(inputs.objects(_OUTPUT) / f"invalid/dt={date}"), end="")
    if failure:
        print(f"score_users failed: {failure}\nThe log of the job is {inputs.log}")
        return 1
    manifest = json.loads((inputs.objects(_OUTPUT) / scores_manifest_key(date)).read_text(encoding="utf-8"))
    print(report.format_scores(manifest))
    return 0


def _copy_activity(inputs: Inputs) -> str:
    """Put the extract into its bucket; return the key that the sensor would wait for."""
    source, target = inputs.activity, inputs.objects(_ACTIVITY) / inputs.activity.name
    target.parent.mkdir(parents=True)
    if source.is_file():
        shutil.copyfile(source, target)
        return source.name
    shutil.copytree(source, target)
    if not (target / MARKER).exists():
        print(f"{source} has no {MARKER}: have it uploaded last, a run waits for it")
        (target / MARKER).touch()
    return f"{source.name}/{MARKER}"


def _job_arguments(inputs: Inputs, checked: Mapping[str, str | int], date: str) -> dict[str, str]:
    """Return the arguments of the scoring job, those for Glue included."""
    weights_uri = "default"
    if inputs.weights:
        shutil.copyfile(inputs.weights, inputs.objects(_ARTIFACTS) / "weights.json")
        weights_uri = f"s3://{_ARTIFACTS}/weights.json"
    return {
        "--extra-py-files": f"s3://{_ARTIFACTS}/{artifacts.ARCHIVE}",
        "--score_date": date,
        "--scored_at": f"{date}T00:00:00Z",
        "--run_id": "check",
        "--input_uri": str(checked["input_uri"]),
        "--input_etags": str(checked["input_etags"]),
        "--output_bucket": _OUTPUT,
        "--weights_uri": weights_uri,
        **{f"--{name}": str(Settings.model_fields[name].default) for name in _DEFAULTS},
    }


def _score(inputs: Inputs, s3_url: str, arguments: dict[str, str]) -> str | None:
    """Run the scoring job; return the error message of its Glue run, None if it succeeded."""
    settings = EmulatorSettings.from_env(inputs.folder / "s3", inputs.folder, s3_url, s3_url)
    script = f"s3://{_ARTIFACTS}/score_users.py"
    command = prepare_command(settings, "score", "job", script, arguments, conf.task_slots(None, None))
    with inputs.log.open("wb") as log:
        process = subprocess.Popen(
            command.command,
            cwd=command.folder,
            env=command.env,
            stdin=subprocess.PIPE,  # the job ends if it is closed
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        assert process.stdin is not None  # noqa: S101 - a pipe
        with terminate_on_exit(process):
            process.wait()
            process.stdin.close()
            process_session.kill_leftovers(process.pid)  # the JVM writes to the folder a moment longer
    return command.outcome(process.returncode)[1]
