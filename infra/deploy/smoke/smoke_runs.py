"""Which smoke run an environment gets, and whether it needs one."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.deploy.account import Account
from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.airflow_files import DAG_FILE
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases import release_settings
from infra.deploy.smoke import newest_extract
from infra.deploy.smoke.airflow_smoke import AirflowSmoke
from infra.deploy.smoke.glue_smoke import GlueSmoke

_MASKED = "(as in the environment file)"
_PASSED = "its smoke run passed earlier"


def run_smoke(
    target: DeployTarget,
    account: Account,
    progress: ProgressLog,
    outputs: Mapping[str, str],
    *,
    force: bool,
    code_changed_at: datetime | None,
    timeout_seconds: float,
) -> str:
    """Run what there is to run; give a word on how it went. Raises DeployError when it failed.

    :param outputs: of the pipeline stack
    :param force: whether it is run although the latest one was of this release and went well
    :param code_changed_at: when Airflow's code changed, if it did
    :param timeout_seconds: seconds to wait for other runs
    """
    commit, prefix = target.release.commit, target.environment.name_prefix
    if target.scheduler == "mwaa":
        run = AirflowSmoke(AirflowApi(account.mwaa, prefix), progress, commit, timeout_seconds)
        if not force and run.has_passed():
            return _PASSED
        run.wait_for_dag(target.release.text(DAG_FILE), code_changed_at)
        progress.write("Airflow has read the DAG")
        return _run_in_airflow(run, account, release_settings.parse(target.release, target.variable(outputs)))
    if target.scheduler == "workflow":
        jobs = GlueSmoke(account.glue, progress, commit, prefix, (outputs["ScoreJobName"], outputs["PushJobName"]))
        return _PASSED if not force and jobs.has_passed() else _run_in_glue(jobs, account, outputs)
    _write_instructions(target, progress, outputs)
    return "no smoke run, for Airflow is not deployed from here"


def _run_in_airflow(run: AirflowSmoke, account: Account, settings: Mapping[str, Any]) -> str:
    extract = newest_extract.find_newest_extract(account.s3, settings["activity_bucket"], settings["activity_key"])
    if extract is None:
        return _no_extract(settings["activity_bucket"])
    reason = run.run(extract.score_date, settings["push_mode"])
    return f"NO smoke run: {reason}" if reason else f"smoke run of {extract.score_date} passed"


def _run_in_glue(run: GlueSmoke, account: Account, outputs: Mapping[str, str]) -> str:
    bucket = outputs["ActivityBucketName"]
    extract = newest_extract.find_newest_extract(account.s3, bucket, run.activity_key())
    if extract is None:
        return _no_extract(bucket)
    run.run(bucket, extract)
    return f"smoke run of {extract.score_date} passed"


def _no_extract(bucket: str) -> str:
    return f"NO smoke run: s3://{bucket} has no extract yet; run `make smoke ENV=...` once it has one"


def _write_instructions(target: DeployTarget, progress: ProgressLog, outputs: Mapping[str, str]) -> None:
    document = target.variable(outputs) | {"credential_id": _MASKED}
    where = f"s3://{outputs['ArtifactsBucketName']}/{target.release.prefix}"
    progress.write(f"for your Airflow: attach {outputs['OrchestratorPolicyArn']} to its execution role")
    progress.write(f"for your Airflow: {where}/plugins.zip, {where}/requirements.txt and {where}/dags/")
    progress.write("for your Airflow: a pool `engagement` with one slot that counts deferred tasks")
    progress.write(f"for your Airflow: the Variable engagement = {json.dumps(document, sort_keys=True)}")
