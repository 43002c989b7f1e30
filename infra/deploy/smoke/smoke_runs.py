"""Chooses the smoke run of an environment, and skips one that has passed already."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.deploy.account import Account
from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.airflow_files import DAG_FILE
from infra.deploy.airflow.own_airflow import write_instructions
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases import release_settings
from infra.deploy.smoke.airflow_smoke import AirflowSmoke
from infra.deploy.smoke.glue_smoke import GlueSmoke
from infra.deploy.smoke.newest_extract import find_newest_extract

_PASSED_EARLIER = "its smoke run passed earlier"


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
    """Run the smoke run that fits the environment's orchestrator.

    :param outputs: outputs of the pipeline stack
    :param force: whether to run it even if the latest one was of this release and passed
    :param code_changed_at: when Airflow's code changed; None when it did not
    :param timeout_seconds: limit for other runs to end
    :return: the result, as a part of the last line of the output
    :raises DeployError: when it failed
    """
    commit, prefix = target.release.commit, target.environment.name_prefix
    if target.scheduler == "mwaa":
        airflow = AirflowSmoke(AirflowApi(account.mwaa, prefix), progress, commit, timeout_seconds)
        if not force and airflow.has_passed():
            return _PASSED_EARLIER
        airflow.wait_for_dag(target.release.text(DAG_FILE), code_changed_at)
        progress.write("Airflow has parsed the DAG")
        return _run_in_airflow(airflow, account, release_settings.parse(target.release, target.variable(outputs)))
    if target.scheduler == "workflow":
        glue = GlueSmoke(account.glue, progress, commit, prefix, (outputs["ScoreJobName"], outputs["PushJobName"]))
        return _PASSED_EARLIER if not force and glue.has_passed() else _run_in_glue(glue, account, outputs)
    write_instructions(target, progress, outputs)
    return "no smoke run, because the tool does not deploy this environment's Airflow"


def _run_in_airflow(airflow: AirflowSmoke, account: Account, settings: Mapping[str, Any]) -> str:
    extract = find_newest_extract(account.s3, settings["activity_bucket"], settings["activity_key"])
    if extract is None:
        return _no_extract(settings["activity_bucket"])
    reason = airflow.run(extract.score_date, settings["push_mode"])
    return f"NO smoke run: {reason}" if reason else f"smoke run of {extract.score_date} passed"


def _run_in_glue(glue: GlueSmoke, account: Account, outputs: Mapping[str, str]) -> str:
    bucket = outputs["ActivityBucketName"]
    extract = find_newest_extract(account.s3, bucket, glue.activity_key())
    if extract is None:
        return _no_extract(bucket)
    glue.run(bucket, extract)
    return f"smoke run of {extract.score_date} passed"


def _no_extract(bucket: str) -> str:
    return f"NO smoke run: s3://{bucket} has no extract yet; run `make smoke ENV=...` when it has one"
