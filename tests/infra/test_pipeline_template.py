"""What the template promises: least privilege, nothing public, nothing lost, nothing sent twice by a retry layer."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "pipeline.yaml"
# What the DAG passes to the jobs on every run; a default would hide that it was forgotten.
DAG_ARGUMENTS = """
    score_date scored_at run_id input_uri input_etags output_bucket weights_uri max_reject_fraction base_url secret_id
    push_mode force limit max_requests_per_second push_tasks max_concurrency max_attempts request_timeout_seconds
    deadline_seconds give_up_after_seconds max_failed_fraction allow_http
"""
BUCKETS = ["ActivityBucket", "OutputBucket", "ArtifactsBucket"]
JOBS = ["ScoreJob", "PushJob"]
OUTPUT = "${OutputBucket.Arn}/"


class _Loader(yaml.SafeLoader):
    """Reads !Ref X as "X", !GetAtt X.Y as "X.Y" and !Sub text as the text."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return loaded


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return {name: resource["Properties"] for name, resource in template["Resources"].items()}


def statements(resources: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Statements of a role's or managed policy, actions and resources as lists."""
    found = resources[name]
    documents = (
        [found["PolicyDocument"]] if "PolicyDocument" in found else [p["PolicyDocument"] for p in found["Policies"]]
    )
    return [
        {**one, "Action": _list(one["Action"]), "Resource": _list(one["Resource"])}
        for document in documents
        for one in document["Statement"]
    ]


def allows(resources: dict[str, Any], name: str, action: str, resource: str) -> bool:
    return any(
        action in one["Action"] and any(fnmatchcase(resource, pattern) for pattern in one["Resource"])
        for one in statements(resources, name)
    )


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sysconfig.get_path("scripts")) / "cfn-lint"
    said = subprocess.run([linter, TEMPLATE], capture_output=True, text=True, timeout=120, check=False)
    assert (said.returncode, said.stdout) == (0, "")


def test_the_template_fits_into_an_api_call() -> None:
    assert len(TEMPLATE.read_bytes()) <= 51_200


def test_it_declares_exactly_these_resources(template: dict[str, Any]) -> None:
    kinds: dict[str, int] = {}
    for resource in template["Resources"].values():
        kinds[resource["Type"]] = kinds.get(resource["Type"], 0) + 1
    assert kinds == {
        "AWS::S3::Bucket": 3,
        "AWS::S3::BucketPolicy": 3,
        "AWS::Logs::LogGroup": 4,
        "AWS::IAM::Role": 2,
        "AWS::IAM::ManagedPolicy": 1,
        "AWS::Glue::Job": 2,
        "AWS::SNS::Topic": 1,
    }


def test_every_parameter_is_described_and_used(template: dict[str, Any]) -> None:
    text = TEMPLATE.read_text().partition("\nResources:\n")[2]
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", text), name


def test_only_the_secret_has_no_default(template: dict[str, Any]) -> None:
    assert [name for name, one in template["Parameters"].items() if "Default" not in one] == ["CrmSecretArn"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_encrypted_private_and_kept(template: dict[str, Any], bucket: str) -> None:
    declared = template["Resources"][bucket]
    assert (declared["DeletionPolicy"], declared["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = declared["Properties"]
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    ]
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_refuse_requests_without_tls(resources: dict[str, Any], bucket: str) -> None:
    policy = resources[f"{bucket}Policy"]
    assert policy["Bucket"] == bucket
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"{bucket}.Arn", f"${{{bucket}.Arn}}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_overwritten_output_and_code_can_be_brought_back(resources: dict[str, Any]) -> None:
    versioned = [name for name in BUCKETS if resources[name].get("VersioningConfiguration") == {"Status": "Enabled"}]
    assert versioned == ["OutputBucket", "ArtifactsBucket"]
    for name in versioned:
        rules = resources[name]["LifecycleConfiguration"]["Rules"]
        assert [rule["Id"] for rule in rules if "NoncurrentVersionExpiration" in rule] == ["noncurrent-versions"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_incomplete_uploads_are_cleared_everywhere(resources: dict[str, Any], bucket: str) -> None:
    rules = resources[bucket]["LifecycleConfiguration"]["Rules"]
    clearing = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert [(rule["Status"], rule.get("Prefix", "")) for rule in clearing] == [("Enabled", "")]


def test_what_expires_and_what_never_does(resources: dict[str, Any]) -> None:
    def expiring(bucket: str) -> dict[str, str]:
        rules = resources[bucket]["LifecycleConfiguration"]["Rules"]
        return {rule.get("Prefix", ""): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}

    assert expiring("OutputBucket") == {
        "scores/": "ScoresDays",
        "rejected/": "RejectedDays",
        "responses/": "ResponsesDays",
        "dry_runs/": "DryRunsDays",
    }
    assert not [prefix for prefix in expiring("OutputBucket") if "delivered/_current.json".startswith(prefix)]
    assert expiring("ActivityBucket") == {"": "ActivityDays"}
    assert expiring("ArtifactsBucket") == {}  # code in use must not vanish


@pytest.mark.parametrize("job", JOBS)
def test_no_layer_but_http_retries_a_job(resources: dict[str, Any], job: str) -> None:
    assert resources[job]["MaxRetries"] == 0
    assert resources[job]["ExecutionProperty"] == {"MaxConcurrentRuns": 1}


def test_spark_neither_copies_nor_repeats_a_push(resources: dict[str, Any]) -> None:
    conf = resources["PushJob"]["DefaultArguments"]["--conf"].split(" --conf ")
    alone = {"spark.speculation=false", "spark.task.maxFailures=1", "spark.stage.maxConsecutiveAttempts=1"}
    assert alone <= set(conf)
    # A lost task of the scoring job harms nobody: Spark may run it again.
    assert resources["ScoreJob"]["DefaultArguments"]["--conf"] == "spark.sql.session.timeZone=UTC"


@pytest.mark.parametrize(("job", "name"), [("ScoreJob", "score-users"), ("PushJob", "push-scores")])
def test_jobs_are_glue_spark_jobs_with_the_deployed_code(resources: dict[str, Any], job: str, name: str) -> None:
    declared = resources[job]
    assert declared["Name"] == f"${{NamePrefix}}-{name}"
    code = "s3://${ArtifactsBucket}/${ArtifactsPrefix}/"
    script = f"{code}{name.replace('-', '_')}.py"
    assert declared["Command"] == {"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": script}
    assert declared["DefaultArguments"]["--extra-py-files"] == f"{code}engagement_jobs.zip"
    assert declared["Timeout"] in ("ScoreTimeoutMinutes", "PushTimeoutMinutes")
    assert declared["Role"] == f"{job.removesuffix('Job')}Role.Arn"


@pytest.mark.parametrize("job", JOBS)
def test_defaults_hold_none_of_the_dags_arguments(resources: dict[str, Any], job: str) -> None:
    assert not set(resources[job]["DefaultArguments"]) & {f"--{name}" for name in DAG_ARGUMENTS.split()}


@pytest.mark.parametrize(("job", "logs"), [("ScoreJob", "Score"), ("PushJob", "Push")])
def test_logs_go_to_groups_of_the_job_with_an_end(resources: dict[str, Any], job: str, logs: str) -> None:
    prefix = resources[job]["DefaultArguments"]["--custom-logGroup-prefix"]
    for kind in ("Output", "Error"):
        group = resources[f"{logs}{kind}Logs"]
        assert group["LogGroupName"] == f"{prefix}/{kind.lower()}"
        assert group["RetentionInDays"] == "LogRetentionDays"
    (written,) = [one for one in statements(resources, f"{logs}Role") if "logs:PutLogEvents" in one["Action"]]
    assert written["Resource"] == [f"{logs}OutputLogs.Arn", f"{logs}ErrorLogs.Arn"]


@pytest.mark.parametrize("policy", ["ScoreRole", "PushRole", "OrchestratorPolicy"])
def test_policies_name_actions_and_resources(resources: dict[str, Any], policy: str) -> None:
    for one in statements(resources, policy):
        assert one["Effect"] == "Allow"
        assert not [action for action in one["Action"] if "*" in action], one
        assert not [resource for resource in one["Resource"] if resource == "*" or ":*" in resource], one


@pytest.mark.parametrize("policy", ["ScoreRole", "PushRole", "OrchestratorPolicy"])
def test_listing_the_output_is_bound_to_prefixes(resources: dict[str, Any], policy: str) -> None:
    listing = [one for one in statements(resources, policy) if "s3:ListBucket" in one["Action"]]
    (output,) = [one for one in listing if "OutputBucket.Arn" in one["Resource"]]
    assert output["Resource"] == ["OutputBucket.Arn"]
    assert "*" not in output["Condition"]["StringLike"]["s3:prefix"]


@pytest.mark.parametrize(
    ("who", "action", "resource", "allowed"),
    [
        ("ScoreRole", "s3:GetObject", "${ActivityBucket.Arn}/activity/dt=2026-11-23/activity.parquet", True),
        ("ScoreRole", "s3:PutObject", "${ActivityBucket.Arn}/activity/dt=2026-11-23/activity.parquet", False),
        ("ScoreRole", "s3:DeleteObject", OUTPUT + "scores/dt=2026-11-23/_manifest.json", True),
        ("ScoreRole", "s3:PutObject", OUTPUT + "rejected/dt=2026-11-23/part-0.json", True),
        ("ScoreRole", "s3:GetObject", OUTPUT + "responses/dt=2026-11-23/_manifest.json", False),
        ("ScoreRole", "s3:GetObject", "${ArtifactsBucket.Arn}/weights/2.json", True),
        ("ScoreRole", "secretsmanager:GetSecretValue", "CrmSecretArn", False),
        ("PushRole", "s3:GetObject", OUTPUT + "scores/dt=2026-11-23/part-0.csv", True),
        ("PushRole", "s3:PutObject", OUTPUT + "scores/dt=2026-11-23/part-0.csv", False),
        ("PushRole", "s3:PutObject", OUTPUT + "responses/dt=2026-11-23/attempt=jr_1/part-0-1.jsonl", True),
        ("PushRole", "s3:DeleteObject", OUTPUT + "responses/dt=2026-11-23/attempt=jr_1/part-0-1.jsonl", False),
        ("PushRole", "s3:DeleteObject", OUTPUT + "responses/dt=2026-11-23/_manifest.json", True),
        ("PushRole", "s3:DeleteObject", OUTPUT + "delivered/v=jr_1/part-0.parquet", True),
        ("PushRole", "s3:PutObject", OUTPUT + "dry_runs/a/_manifest.json", True),
        ("PushRole", "s3:GetObject", "${ActivityBucket.Arn}/activity/dt=2026-11-23/activity.parquet", False),
        ("PushRole", "secretsmanager:GetSecretValue", "CrmSecretArn", True),
        ("OrchestratorPolicy", "s3:GetObject", OUTPUT + "scores/dt=2026-11-23/_manifest.json", True),
        ("OrchestratorPolicy", "s3:GetObject", OUTPUT + "scores/dt=2026-11-23/part-0.csv", False),
        ("OrchestratorPolicy", "s3:GetObject", OUTPUT + "responses/dt=2026-11-23/attempt=jr_1/agg-0.json", True),
        ("OrchestratorPolicy", "s3:GetObject", OUTPUT + "responses/dt=2026-11-23/attempt=jr_1/part-0-1.jsonl", False),
        ("OrchestratorPolicy", "s3:PutObject", OUTPUT + "summaries/dt=2026-11-23/summary.json", True),
        ("OrchestratorPolicy", "s3:PutObject", OUTPUT + "responses/dt=2026-11-23/_manifest.json", False),
        ("OrchestratorPolicy", "secretsmanager:GetSecretValue", "CrmSecretArn", False),
    ],
)
def test_who_may_do_what(resources: dict[str, Any], who: str, action: str, resource: str, allowed: bool) -> None:
    assert allows(resources, who, action, resource) is allowed


def test_airflow_may_run_the_two_jobs_and_change_none(resources: dict[str, Any]) -> None:
    (running,) = [one for one in statements(resources, "OrchestratorPolicy") if one["Sid"] == "RunJobs"]
    # GlueJobOperator asks GetJob first, and would create a job that it does not find.
    assert sorted(running["Action"]) == sorted(
        f"glue:{name}" for name in ("GetJob", "StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun")
    )
    assert [resource.rpartition("/")[2] for resource in running["Resource"]] == ["${ScoreJob}", "${PushJob}"]
    services = {action.split(":")[0] for one in statements(resources, "OrchestratorPolicy") for action in one["Action"]}
    assert services == {"s3", "glue", "sns"}


def test_airflow_may_tell_the_encrypted_topic_and_no_other(resources: dict[str, Any]) -> None:
    (telling,) = [one for one in statements(resources, "OrchestratorPolicy") if one["Sid"] == "TellHowRunsEnded"]
    assert (telling["Action"], telling["Resource"]) == (["sns:Publish"], ["NotificationTopic"])
    assert resources["NotificationTopic"]["KmsMasterKeyId"] == "alias/aws/sns"
    for role in ("ScoreRole", "PushRole"):
        assert not allows(resources, role, "sns:Publish", "NotificationTopic")


def test_only_glue_takes_the_roles(resources: dict[str, Any]) -> None:
    for role in ("ScoreRole", "PushRole"):
        assert resources[role]["AssumeRolePolicyDocument"]["Statement"] == [
            {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
