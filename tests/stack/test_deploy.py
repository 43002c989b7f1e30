"""The deploy tool's command against emulators of AWS: forward, back, interrupted, and runs of what was deployed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from engagement_jobs.contract.data_format import DATA_FORMAT
from infra.deploy.releases import packaging
from tests.stack.deployed import TOKEN, Cloud, Site, cloud
from tests.stack.expected import expected_scores

pytestmark = pytest.mark.timeout(900)
DAG = "customer_engagement_scoring"
RETENTION = "    Default: 30\n    AllowedValues: [1, 3"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("account")) as started:
        yield started


@pytest.fixture
def site(account: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Site]:
    """Return a function that makes a site with a name prefix of its own."""

    def make(orchestrator: str, **settings: Any) -> Site:
        prefix = f"t{abs(hash(request.node.name)) % 10**9}"
        return Site(account, tmp_path / "site", prefix, orchestrator, settings)

    return make


def test_the_second_deployment_has_nothing_to_change(site: Callable[..., Site]) -> None:
    here = site("none")
    planned = here.run("plan")
    assert planned.exit_code == 0, planned.out
    assert planned.writes == ["DeleteStack"]  # the empty stack of the change set
    assert here.statuses() == {}
    assert "Add     ScoreJob (AWS::Glue::Job)" in planned.out

    first = here.deploy()
    commit = here.checkout.git("rev-parse", "HEAD")
    assert here.statuses() == {"pipeline": "CREATE_COMPLETE"}
    objects = here.objects("releases/")
    manifest = json.loads(objects[f"releases/{commit}/release.json"])
    assert {f"releases/{commit}/{name}" for name in (*manifest["files"], "release.json")} == objects.keys()
    assert here.job("score-users")["Command"]["ScriptLocation"] == (
        f"s3://{here.bucket}/releases/{commit}/jobs/score_users.py"
    )
    for text in ("OrchestratorPolicy", "plugins.zip", "\n[engagement]\ntimezone = UTC\n", '\n  "credential_id": "'):
        assert text in first.out
    assert "deployed (" in first.last

    again = here.deploy()
    assert again.writes == []
    assert "nothing to change" in again.last
    assert again.seconds < 60
    assert here.run("plan").last.endswith("nothing to change")


def test_another_commit_is_deployed_and_taken_back(site: Callable[..., Site]) -> None:
    here = site("none")
    here.deploy()
    first = here.checkout.git("rev-parse", "HEAD")
    before = here.objects()
    group_name = here.job("score-users")["DefaultArguments"]["--custom-logGroup-prefix"] + "/output"
    here.checkout.edit("infra/pipeline.yaml", RETENTION, RETENTION.replace("30", "90"))
    second = here.checkout.edit("glue_jobs/score_users.py", '"""', '"""An edit. ')

    planned = here.run("plan")
    assert "Modify  ScoreJob (AWS::Glue::Job)" in planned.out
    assert f"differs from the deployed release {first[:12]} in: infra/pipeline.yaml, jobs/score_users.py" in planned.out
    assert here.objects() == before

    here.deploy()
    logs = here.cloud.client("logs")

    def retention() -> int:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=group_name)["logGroups"]
        return int(group["retentionInDays"])

    assert here.job("score-users")["Command"]["ScriptLocation"].split("/")[4] == second
    assert retention() == 90
    assert here.objects().items() >= before.items()

    # Back to the first release by the start of its hash: its template and its code, byte for byte.
    after = here.objects()
    back = here.deploy("--release", first[:8])
    script = here.job("score-users")["Command"]["ScriptLocation"].removeprefix(f"s3://{here.bucket}/")
    assert script == f"releases/{first}/jobs/score_users.py"
    assert here.objects()[script] == before[script]
    assert retention() == 30
    assert here.objects() == after
    assert f"release {first[:12]} in test: deployed" in back.last


def test_going_back_to_an_older_data_format_is_refused(site: Callable[..., Site]) -> None:
    here = site("none")
    here.deploy()
    first = here.checkout.git("rev-parse", "HEAD")
    number = f"DATA_FORMAT = {DATA_FORMAT + 1}"
    here.checkout.edit(packaging.DATA_FORMAT_FILE, f"DATA_FORMAT = {DATA_FORMAT}", number)
    here.deploy()

    planned = here.run("plan", "--release", first[:8])
    assert f"data format: {DATA_FORMAT}, deployed {DATA_FORMAT + 1}" in planned.out
    assert f"deploy would REFUSE this: release {first[:12]} has data format {DATA_FORMAT}" in planned.out
    refused = here.run("deploy", "--release", first[:8])
    assert (refused.exit_code, refused.writes) == (1, [])
    assert f"release {first[:12]} has data format {DATA_FORMAT}, but the deployed release" in refused.last


def test_a_refused_deployment_changes_nothing(site: Callable[..., Site]) -> None:
    here = site("none")
    (here.checkout.folder / "dags" / "forgotten.py").write_text("")
    dirty = here.run("deploy")
    assert (dirty.exit_code, dirty.writes) == (1, [])
    assert "FAILED: not committed: dags/forgotten.py" in dirty.last

    here.checkout.commit()
    here.configure(push_mod="all")
    wrong = here.run("deploy")
    assert (wrong.exit_code, wrong.writes) == (1, [])
    assert "push_mod is not a known name; did you mean push_mode?" in wrong.last
    del here.settings["push_mod"]
    here.configure()
    assert "does not exist" in here.run("deploy", "--release", "abcd").last


def test_a_failed_first_creation_is_reported_and_repeated(site: Callable[..., Site]) -> None:
    here = site("none")
    name = f"/aws-glue/jobs/{here.prefix}-push-scores/error"
    here.cloud.client("logs").create_log_group(logGroupName=name)
    failed = here.run("deploy")
    assert failed.exit_code == 1
    assert "ROLLBACK_COMPLETE: PushErrorLogs (AWS::Logs::LogGroup)" in failed.last
    assert here.statuses() == {"pipeline": "ROLLBACK_COMPLETE"}

    assert "deleted and created again" in here.run("plan").out
    assert here.statuses() == {"pipeline": "ROLLBACK_COMPLETE"}

    here.cloud.client("logs").delete_log_group(logGroupName=name)
    here.deploy()
    assert here.statuses() == {"pipeline": "CREATE_COMPLETE"}


def test_a_failed_change_keeps_what_is_deployed(site: Callable[..., Site]) -> None:
    here = site("none")
    here.deploy()
    first = here.checkout.git("rev-parse", "HEAD")
    taken = _TAKEN.format(name=f"/aws-glue/jobs/{here.prefix}-score-users/output")
    here.checkout.edit("infra/pipeline.yaml", "  PushErrorLogs:\n", taken + "  PushErrorLogs:\n")
    failed = here.run("deploy")
    assert failed.exit_code == 1
    assert "UPDATE_ROLLBACK_COMPLETE: Taken (AWS::Logs::LogGroup)" in failed.last
    assert here.job("score-users")["Command"]["ScriptLocation"].split("/")[4] == first

    here.checkout.git("revert", "--no-edit", "HEAD")
    name = "${NamePrefix}-activity-${AWS::AccountId}"
    here.checkout.edit("infra/pipeline.yaml", name, name.replace("activity", "other"))
    refused = here.run("deploy")
    assert refused.exit_code == 1
    assert "ActivityBucket (AWS::S3::Bucket) replaced by this change" in refused.last
    assert here.statuses() == {"pipeline": "UPDATE_ROLLBACK_COMPLETE"}
    assert "deploy would REFUSE this" in here.run("plan").out

    here.checkout.git("revert", "--no-edit", "HEAD")
    here.deploy()
    assert here.statuses() == {"pipeline": "UPDATE_COMPLETE"}


_TAKEN = """  Taken:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      LogGroupName: {name}
"""


def test_a_run_killed_after_any_step_is_completed(site: Callable[..., Site]) -> None:
    here = site("workflow")
    for kill in (
        "CreateChangeSet:1",
        "ExecuteChangeSet:1",
        "PutObject:1",
        "PutObject:7",  # of the ten files that are left
        "CreateChangeSet:1",
        "ExecuteChangeSet:1",
    ):
        here.run("deploy", kill=kill)
    done = here.deploy()
    assert here.statuses() == {"pipeline": "CREATE_COMPLETE", "workflow": "CREATE_COMPLETE"}
    assert f"releases/{here.checkout.git('rev-parse', 'HEAD')}/release.json" in here.objects()
    assert "has no extract yet" in done.last
    assert here.deploy().writes == []


def test_a_workflow_gets_a_smoke_run_and_excludes_mwaa(site: Callable[..., Site]) -> None:
    here = site("workflow")
    here.deploy()
    here.upload_activity("2026-11-20", 50)
    tried = here.deploy()
    assert "smoke run of 2026-11-20 passed" in tried.last
    assert tried.writes == ["StartJobRun", "StartJobRun"]
    output = here.cloud.folder / "s3" / f"{here.prefix}-output-123456789012"
    (manifest,) = (output / "dry_runs").glob("*/_manifest.json")
    assert json.loads(manifest.read_text())["outcomes"]["planned"] == 50
    assert not (output / "responses").exists()
    assert here.deploy().writes == []

    here.orchestrator = "mwaa"
    here.configure()
    refused = here.run("deploy")
    assert (refused.exit_code, refused.writes) == (1, [])
    assert f"aws cloudformation delete-stack --stack-name {here.prefix}-workflow" in refused.last


def test_airflow_runs_what_was_deployed(site: Callable[..., Site]) -> None:
    here = site("mwaa", push_mode="dry_run")
    first = here.deploy()
    assert here.statuses() == {"pipeline": "CREATE_COMPLETE", "mwaa": "CREATE_COMPLETE"}
    assert "has no extract yet" in first.last
    policy = here.cloud.client("cloudformation").get_stack_policy(StackName=f"{here.prefix}-mwaa")
    assert "Update:Replace" in policy["StackPolicyBody"]

    # Another DAG file and other settings: the Airflow environment is not updated, and a smoke run tests them.
    extract = here.upload_activity("2026-11-24", 200)
    here.checkout.edit(f"dags/{DAG}.py", "### Score", "### Score (edited)")
    here.configure(max_requests_per_second=500)
    tried = here.deploy()
    assert "smoke run of 2026-11-24 passed" in tried.last
    assert tried.calls.count("ExecuteChangeSet") == 1  # that of the pipeline stack
    assert f"{here.prefix}-mwaa: UPDATE_COMPLETE" not in tried.out
    assert requests.get(f"{here.cloud.crm_url}/_crm/stats", headers=_LOGIN, timeout=10).json()["requests"] == 0
    assert here.deploy().writes == []

    # Other plugins: the environment is updated. The DAG was paused by hand: it stays paused, and the tool says so.
    here.airflow("PATCH", f"/dags/{DAG}", {"is_paused": True})
    here.checkout.edit("plugins/engagement/contract/arguments.py", '"""', '"""An edit. ')
    here.configure(push_mode="all")
    updated = here.deploy()
    assert f"{here.prefix}-mwaa: UPDATE_COMPLETE" in updated.out
    assert "NO smoke run: the DAG is paused" in updated.last

    # The deployed DAG delivers the day.
    conf = {"score_date": "2026-11-24", "push_mode": "all"}
    run = here.airflow("POST", f"/dags/{DAG}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
    here.airflow("PATCH", f"/dags/{DAG}", {"is_paused": False})
    state = here.await_run(DAG, run)
    assert state == "success"
    state_of_crm = requests.get(f"{here.cloud.crm_url}/_crm/state", headers=_LOGIN, timeout=10).json()
    assert state_of_crm == expected_scores(extract)


_LOGIN = {"Authorization": f"Bearer {TOKEN}"}
