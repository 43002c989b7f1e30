"""The deploy tool as its command, against stand-ins of AWS: there, back, cut off half-way, and what runs afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

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
    """Makes a site, whose names begin as nobody else's in the account."""

    def make(orchestrator: str, **settings: Any) -> Site:
        prefix = f"t{abs(hash(request.node.name)) % 10**9}"
        return Site(account, tmp_path / "site", prefix, orchestrator, settings)

    return make


def test_the_first_deployment_and_one_with_nothing_to_do(site: Callable[..., Site]) -> None:
    here = site("none")
    planned = here.run("plan")
    assert planned.exit_code == 0, planned.out
    assert planned.writes == ["DeleteStack"]  # the empty one that a change set of a new stack leaves
    assert here.statuses() == {}
    assert "Add     ScoreJob (AWS::Glue::Job)" in planned.out

    first = here.deploy()
    commit = here.checkout.git("rev-parse", "HEAD")
    assert here.statuses() == {"pipeline": "CREATE_COMPLETE"}
    held = here.objects("releases/")
    manifest = json.loads(held[f"releases/{commit}/release.json"])
    assert {f"releases/{commit}/{name}" for name in (*manifest["files"], "release.json")} == held.keys()
    assert here.job("score-users")["Command"]["ScriptLocation"] == (
        f"s3://{here.bucket}/releases/{commit}/jobs/score_users.py"
    )
    for words in ("OrchestratorPolicy", "plugins.zip", "the Variable engagement = {", '"credential_id": "(as in'):
        assert words in first.out
    assert "deployed (" in first.last

    again = here.deploy()
    assert again.writes == []
    assert "nothing to change" in again.last
    assert again.seconds < 60
    assert here.run("plan").last.endswith("nothing to change")


def test_another_commit_and_back(site: Callable[..., Site]) -> None:
    here = site("none")
    here.deploy()
    first = here.checkout.git("rev-parse", "HEAD")
    before = here.objects()
    days = here.job("score-users")["DefaultArguments"]["--custom-logGroup-prefix"] + "/output"
    here.checkout.edit("infra/pipeline.yaml", RETENTION, RETENTION.replace("30", "90"))
    second = here.checkout.edit("glue_jobs/score_users.py", '"""', '"""An edit. ')

    planned = here.run("plan")
    assert "Modify  ScoreJob (AWS::Glue::Job)" in planned.out
    assert f"not as in the present release {first[:12]}: infra/pipeline.yaml, jobs/score_users.py" in planned.out
    assert here.objects() == before

    here.deploy()
    logs = here.cloud.client("logs")

    def retention() -> int:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=days)["logGroups"]
        return int(group["retentionInDays"])

    assert here.job("score-users")["Command"]["ScriptLocation"].split("/")[4] == second
    assert retention() == 90
    assert here.objects().items() >= before.items()

    # Back to what was: template and code of the first release, byte for byte, by the start of its hash.
    after = here.objects()
    back = here.deploy("--release", first[:8])
    script = here.job("score-users")["Command"]["ScriptLocation"].removeprefix(f"s3://{here.bucket}/")
    assert script == f"releases/{first}/jobs/score_users.py"
    assert here.objects()[script] == before[script]
    assert retention() == 30
    assert here.objects() == after
    assert f"release {first[:12]} in test: deployed" in back.last


def test_what_stands_in_the_way_is_told_and_nothing_is_changed(site: Callable[..., Site]) -> None:
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


def test_a_creation_that_fails_is_told_and_made_good(site: Callable[..., Site]) -> None:
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


def test_a_change_that_fails_leaves_what_is_deployed(site: Callable[..., Site]) -> None:
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


def test_killed_after_any_step_the_next_run_completes(site: Callable[..., Site]) -> None:
    here = site("workflow")
    for kill in (
        "CreateChangeSet:1",
        "ExecuteChangeSet:1",
        "PutObject:1",
        "PutObject:7",  # of the ten that are left, the manifest last
        "CreateChangeSet:1",
        "ExecuteChangeSet:1",
    ):
        here.run("deploy", kill=kill)
    done = here.deploy()
    assert here.statuses() == {"pipeline": "CREATE_COMPLETE", "workflow": "CREATE_COMPLETE"}
    assert f"releases/{here.checkout.git('rev-parse', 'HEAD')}/release.json" in here.objects()
    assert "has no extract yet" in done.last
    assert here.deploy().writes == []


def test_a_workflow_is_tried_by_a_dry_run_and_stands_alone(site: Callable[..., Site]) -> None:
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

    # Another DAG file and other settings: Airflow's environment is left alone, and a dry run tries the new ones.
    extract = here.upload_activity("2026-11-24", 200)
    here.checkout.edit(f"dags/{DAG}.py", "### Score", "### Score (edited)")
    here.configure(max_requests_per_second=500)
    tried = here.deploy()
    assert "smoke run of 2026-11-24 passed" in tried.last
    assert tried.calls.count("ExecuteChangeSet") == 1  # the jobs' alone
    assert f"{here.prefix}-mwaa: UPDATE_COMPLETE" not in tried.out
    assert requests.get(f"{here.cloud.crm_url}/_crm/stats", headers=_LOGIN, timeout=10).json()["requests"] == 0
    assert here.deploy().writes == []

    # Other plugins: the environment is updated. The DAG is paused by somebody: it stays so, and that is said.
    here.airflow("PATCH", f"/dags/{DAG}", {"is_paused": True})
    here.checkout.edit("plugins/engagement/contract/arguments.py", '"""', '"""An edit. ')
    here.configure(push_mode="all")
    updated = here.deploy()
    assert f"{here.prefix}-mwaa: UPDATE_COMPLETE" in updated.out
    assert "NO smoke run: the DAG is paused" in updated.last

    # And the day is delivered by what was deployed.
    conf = {"score_date": "2026-11-24", "push_mode": "all"}
    run = here.airflow("POST", f"/dags/{DAG}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
    here.airflow("PATCH", f"/dags/{DAG}", {"is_paused": False})
    state = here.await_run(DAG, run)
    assert state == "success"
    held = requests.get(f"{here.cloud.crm_url}/_crm/state", headers=_LOGIN, timeout=10).json()
    assert held == expected_scores(extract)


_LOGIN = {"Authorization": f"Bearer {TOKEN}"}
