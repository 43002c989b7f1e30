"""Records every AWS call of a full day with 1,000 users on the emulators.

Airflow runs with the configuration options of `infra/mwaa.yaml`, so it reads its Variable from Secrets Manager through
the secrets backend.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local import certificates
from local.airflow_home import AirflowHome
from local.aws_emulator.emulator_settings import default_glue_python
from local.extract import write_extract
from local.processes import REPOSITORY
from local.spark.java import java_home
from local.stack import RunningStack, running
from tests.unit.infra.actors import AIRFLOW
from tests.unit.infra.deployed import PREFIX, deployed
from tests.unit.infra.names import DAY

_DOCUMENT = REPOSITORY / "glue_jobs" / "engagement_jobs" / "crm_client" / "document" / "crm.json"
RECORDER = Path(__file__).with_name("recorder")
_DAY_SECONDS = 400
# Glue passes the job's name, which identifies the caller; Spark's workers inherit the variable.
_PYTHON = """\
#!/bin/sh
for argument; do
  [ "$before" = --JOB_NAME ] && export RECORDER_WHO="$argument"
  before=$argument
done
export RECORDER_FILE={file} PYTHONPATH={recorder}:"$PYTHONPATH" PATH={folder}:"$PATH"
exec {python} "$@"
"""


@dataclass(frozen=True)
class Call:
    """An AWS call and the parameters that policies depend on.

    :param who: `airflow`, or the name of a job
    :param error: error code of the response, if any
    """

    who: str
    service: str
    operation: str
    parameters: dict[str, Any]
    error: str | None = None


@dataclass(frozen=True)
class Recording:
    """A recorded day: its calls in the order in which they ended, the summary and the log."""

    calls: list[Call]
    summary: dict[str, Any]
    log: str


def record(folder: Path) -> Recording:
    """Run and record the day in `folder`."""
    file = folder / "calls.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_GLUE_PYTHON", str(_recorded_python(folder, file)))
        with running(folder / "stack") as stack:
            log = _run_day(stack, folder, file)
            summaries = folder / "stack" / "s3" / stack.outputs["OutputBucketName"] / "summaries"
            summary = json.loads((summaries / f"dt={DAY}" / "summary.json").read_text())
    return Recording([Call(**json.loads(line)) for line in file.read_text().splitlines()], summary, log)


def _run_day(stack: RunningStack, folder: Path, file: Path) -> str:
    extract = folder / "activity.parquet"
    write_extract(extract, 1000, date.fromisoformat(DAY))
    stack.upload_activity(extract, DAY)
    home = AirflowHome(folder / "airflow", stack.env, {}, retries=0, score_retries=0, push_retries=0)
    home.migrate()
    # As on MWAA: the Variable is not in the environment but in a secret, read by the backend.
    del home.env["AIRFLOW_VAR_ENGAGEMENT"]
    options = deployed("mwaa").properties("Environment")["AirflowConfigurationOptions"]
    for name, value in options.items():
        section, _, option = name.partition(".")
        if section != "engagement":  # these would wait as long as in production
            home.env[f"AIRFLOW__{section.upper()}__{option.upper()}"] = str(value)
    variable = json.dumps(stack.settings(max_requests_per_second=2000, **_upload_crm_files(stack)))
    manager = stack.client("secretsmanager")
    manager.create_secret(Name=f"{PREFIX}/airflow/variables/engagement", SecretString=variable)
    home.env |= {"RECORDER_FILE": str(file), "RECORDER_WHO": AIRFLOW, "PYTHONPATH": str(RECORDER)}
    log = folder / "dag.log"
    with home.dag_run(log, {"score_date": DAY, "push_mode": "all"}) as process:
        code = process.wait(_DAY_SECONDS)
    text = log.read_text()
    assert code == 0, text[-5000:]
    return text


def _upload_crm_files(stack: RunningStack) -> dict[str, str]:
    """Upload a CRM document and a certificate where they belong; return the settings that name them."""
    s3, bucket = stack.client("s3"), stack.outputs["ArtifactsBucketName"]
    s3.put_object(Bucket=bucket, Key="crm/crm.json", Body=_DOCUMENT.read_bytes())
    s3.put_object(Bucket=bucket, Key="crm/authorities.pem", Body=certificates.pem(certificates.authority("private")))
    return {"crm_uri": f"s3://{bucket}/crm/crm.json", "ca_uri": f"s3://{bucket}/crm/authorities.pem"}


def _recorded_python(folder: Path, file: Path) -> Path:
    """Write a program that runs Glue's Python with the recorder, next to Glue's Java; return its path."""
    python = default_glue_python()
    program = folder / "glue" / "bin" / "python"
    program.parent.mkdir(parents=True)
    (folder / "glue" / "java").symlink_to(java_home(python))
    text = _PYTHON.format(
        file=shlex.quote(str(file)),
        recorder=shlex.quote(str(RECORDER)),
        folder=shlex.quote(str(python.parent)),
        python=shlex.quote(str(python)),
    )
    program.write_text(text)
    program.chmod(0o755)
    return program
