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

_HIDDEN = "(as in the environment file)"
_PASSED = "its smoke run passed earlier"


def smoke(
    target: DeployTarget,
    account: Account,
    progress: ProgressLog,
    outputs: Mapping[str, str],
    *,
    again: bool,
    since: datetime | None,
    patience: float,
) -> str:
    """Run what there is to run; give a word on how it went. Raises DeployError when it failed.

    :param outputs: of the pipeline stack
    :param again: whether it is run although the latest one was of this release and went well
    :param since: when Airflow's code changed, if it did
    :param patience: seconds to wait for other runs
    """
    commit, prefix = target.release.commit, target.environment.name_prefix
    if target.scheduler == "mwaa":
        run = AirflowSmoke(AirflowApi(account.mwaa, prefix), progress, commit, patience)
        if not again and run.has_passed():
            return _PASSED
        run.await_dag(target.release.text(DAG_FILE), since)
        progress.say("Airflow has read the DAG")
        return _in_airflow(run, account, release_settings.parse(target.release, target.variable(outputs)))
    if target.scheduler == "workflow":
        jobs = GlueSmoke(account.glue, progress, commit, prefix, (outputs["ScoreJobName"], outputs["PushJobName"]))
        return _PASSED if not again and jobs.has_passed() else _of_the_jobs(jobs, account, outputs)
    _tell_what_to_attach(target, progress, outputs)
    return "no smoke run, for Airflow is not deployed from here"


def _in_airflow(run: AirflowSmoke, account: Account, settings: Mapping[str, Any]) -> str:
    extract = newest_extract.newest(account.s3, settings["activity_bucket"], settings["activity_key"])
    if extract is None:
        return _no_extract(settings["activity_bucket"])
    reason = run.run(extract.score_date, settings["push_mode"])
    return f"NO smoke run: {reason}" if reason else f"smoke run of {extract.score_date} passed"


def _of_the_jobs(run: GlueSmoke, account: Account, outputs: Mapping[str, str]) -> str:
    bucket = outputs["ActivityBucketName"]
    extract = newest_extract.newest(account.s3, bucket, run.activity_key())
    if extract is None:
        return _no_extract(bucket)
    run.run(bucket, extract)
    return f"smoke run of {extract.score_date} passed"


def _no_extract(bucket: str) -> str:
    return f"NO smoke run: s3://{bucket} has no extract yet; run `make smoke ENV=...` once it has one"


def _tell_what_to_attach(target: DeployTarget, progress: ProgressLog, outputs: Mapping[str, str]) -> None:
    document = target.variable(outputs) | {"credential_id": _HIDDEN}
    where = f"s3://{outputs['ArtifactsBucketName']}/{target.release.prefix}"
    progress.say(f"for your Airflow: attach {outputs['OrchestratorPolicyArn']} to its execution role")
    progress.say(f"for your Airflow: {where}/plugins.zip, {where}/requirements.txt and {where}/dags/")
    progress.say("for your Airflow: a pool `engagement` with one slot that counts deferred tasks")
    progress.say(f"for your Airflow: the Variable engagement = {json.dumps(document, sort_keys=True)}")
