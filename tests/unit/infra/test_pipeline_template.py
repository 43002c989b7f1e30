"""What the template promises: least privilege, nothing public, nothing lost, nothing sent twice by a retry layer."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.infra import templates
from tests.unit.infra.templates import Template, allows, statements

# What the DAG passes to the jobs on every run; a default would hide that it was forgotten.
DAG_ARGUMENTS = """
    score_date scored_at run_id input_uri input_etags output_bucket weights_uri max_reject_fraction base_url secret_id
    push_mode force limit max_requests_per_second push_tasks max_concurrency max_attempts request_timeout_seconds
    deadline_seconds give_up_after_seconds max_failed_fraction allow_http
"""
OUTPUTS = """
    ActivityBucketName OutputBucketName ArtifactsBucketName ScoreJobName PushJobName ScoreRoleArn PushRoleArn
    OrchestratorPolicyArn NotificationTopicArn ScoreLogGroup PushLogGroup KeyArn MetricsNamespace DashboardName
    AthenaWorkGroupName CatalogDatabaseName
"""
BUCKETS = ["ActivityBucket", "OutputBucket", "ArtifactsBucket"]
JOBS = ["ScoreJob", "PushJob"]
ROLES = ["ScoreRole", "PushRole"]
OUTPUT = "${OutputBucket.Arn}/"
NETWORK = {"JobSubnetId": "subnet-1", "JobSecurityGroupId": "sg-1", "JobAvailabilityZone": "eu-central-1a"}
GLUE = "arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:"


@pytest.fixture(scope="module")
def template() -> Template:
    return templates.load(templates.INFRA / "pipeline.yaml")


@pytest.fixture(scope="module")
def resources(template: Template) -> dict[str, Any]:
    return template.properties()


def test_it_declares_exactly_these_resources(template: Template) -> None:
    kinds: dict[str, int] = {}
    for resource in template.resources().values():
        kinds[resource["Type"]] = kinds.get(resource["Type"], 0) + 1
    assert kinds == {
        "AWS::KMS::Key": 1,
        "AWS::KMS::Alias": 1,
        "AWS::S3::Bucket": 3,
        "AWS::S3::BucketPolicy": 3,
        "AWS::Logs::LogGroup": 4,
        "AWS::IAM::Role": 2,
        "AWS::IAM::ManagedPolicy": 1,
        "AWS::Glue::Job": 2,
        "AWS::Glue::Database": 1,
        "AWS::Glue::Table": 2,
        "AWS::SNS::Topic": 1,
        "AWS::SNS::TopicPolicy": 1,
        "AWS::CloudWatch::Alarm": 2,
        "AWS::CloudWatch::Dashboard": 1,
        "AWS::Athena::WorkGroup": 1,
        "AWS::Athena::NamedQuery": 1,
    }


def test_options_make_these_besides(template: Template) -> None:
    usual = template.resources().keys()
    assert template.resources(**NETWORK).keys() - usual == {"JobConnection", "UseNetwork"}
    assert template.resources(EncryptWithOwnKey="true").keys() - usual == {"UseOwnKey"}
    assert usual - template.resources(LateAfterHours="0").keys() == {"LateAlarm"}


def test_only_the_secret_has_no_default(template: Template) -> None:
    assert [name for name, one in template.parameters.items() if "Default" not in one] == ["CrmSecretArn"]


def test_outputs_are_those_that_others_ask_for(template: Template) -> None:
    assert sorted(template.outputs) == sorted(OUTPUTS.split())


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_encrypted_private_and_kept(template: Template, bucket: str) -> None:
    declared = template.resources()[bucket]
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
        "athena/": "QueryResultsDays",
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
    (written,) = [one for one in statements(resources[f"{logs}Role"]) if "logs:PutLogEvents" in one["Action"]]
    assert written["Resource"] == [f"{logs}OutputLogs.Arn", f"{logs}ErrorLogs.Arn"]


@pytest.mark.parametrize("policy", [*ROLES, "OrchestratorPolicy"])
def test_policies_name_actions_and_resources(resources: dict[str, Any], policy: str) -> None:
    for one in statements(resources[policy]):
        assert one["Effect"] == "Allow"
        if one["Sid"] == "CountRuns":  # a metric has no ARN
            assert (one["Action"], one["Resource"]) == (["cloudwatch:PutMetricData"], ["*"])
            assert one["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Engagement/${NamePrefix}"}}
            continue
        assert not [action for action in one["Action"] if "*" in action.replace("GenerateDataKey*", "")], one
        assert not [resource for resource in one["Resource"] if resource == "*" or ":*" in resource], one


@pytest.mark.parametrize("policy", [*ROLES, "OrchestratorPolicy"])
def test_whoever_reads_the_output_may_learn_that_an_object_is_missing(resources: dict[str, Any], policy: str) -> None:
    """A condition on `s3:prefix` would not hold for a read, and S3 would answer 403 where 404 is awaited."""
    listing = [one for one in statements(resources[policy]) if "s3:ListBucket" in one["Action"]]
    (output,) = [one for one in listing if "OutputBucket.Arn" in one["Resource"]]
    assert output["Resource"] == ["OutputBucket.Arn"]
    assert "Condition" not in output


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
        ("ScoreRole", "glue:GetWorkflowRunProperties", GLUE + "workflow/${NamePrefix}", True),
        ("PushRole", "glue:GetWorkflowRunProperties", GLUE + "workflow/${NamePrefix}", True),
        ("PushRole", "glue:GetWorkflowRunProperties", GLUE + "workflow/${NamePrefix}-other", False),
        ("OrchestratorPolicy", "cloudwatch:PutMetricData", "*", True),
        ("ScoreRole", "kms:Decrypt", "Key.Arn", False),
        ("PushRole", "ec2:CreateNetworkInterface", "*", False),
    ],
)
def test_who_may_do_what(resources: dict[str, Any], who: str, action: str, resource: str, allowed: bool) -> None:
    assert allows(resources[who], action, resource) is allowed


def test_airflow_may_run_the_two_jobs_and_change_none(resources: dict[str, Any]) -> None:
    (running,) = [one for one in statements(resources["OrchestratorPolicy"]) if one["Sid"] == "RunJobs"]
    # GlueJobOperator asks GetJob first, and would create a job that it does not find.
    assert sorted(running["Action"]) == sorted(
        f"glue:{name}" for name in ("GetJob", "StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun")
    )
    assert [resource.rpartition("/")[2] for resource in running["Resource"]] == ["${ScoreJob}", "${PushJob}"]
    actions = {action for one in statements(resources["OrchestratorPolicy"]) for action in one["Action"]}
    assert {action.partition(":")[0] for action in actions} == {"s3", "glue", "sns", "kms", "cloudwatch"}


@pytest.mark.parametrize("role", ROLES)
def test_only_glue_takes_the_roles(template: Template, resources: dict[str, Any], role: str) -> None:
    assert resources[role]["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    assert "PermissionsBoundary" not in resources[role]
    bound = template.properties(PermissionsBoundaryArn="arn:aws:iam::123456789012:policy/p")[role]
    assert bound["PermissionsBoundary"] == "PermissionsBoundaryArn"


def test_the_own_key_is_used_for_all_data_by_both_jobs(template: Template) -> None:
    resources = template.properties(EncryptWithOwnKey="true")
    (using,) = statements(resources["UseOwnKey"])
    assert resources["UseOwnKey"]["Roles"] == ROLES
    assert (using["Action"], using["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], ["Key.Arn"])
    assert using["Condition"] == {"StringEquals": {"kms:ViaService": "s3.${AWS::Region}.amazonaws.com"}}


def test_jobs_in_a_network_have_the_connection_and_may_use_it(template: Template) -> None:
    resources = template.properties(**NETWORK)
    for job in JOBS:
        assert resources[job]["Connections"] == {"Connections": ["JobConnection"]}
        assert "Connections" not in template.properties()[job]
    connection = resources["JobConnection"]["ConnectionInput"]
    assert connection["ConnectionType"] == "NETWORK"
    assert connection["PhysicalConnectionRequirements"] == {
        "SubnetId": "JobSubnetId",
        "SecurityGroupIdList": ["JobSecurityGroupId"],
        "AvailabilityZone": "JobAvailabilityZone",
    }
    policy = resources["UseNetwork"]
    assert policy["Roles"] == ROLES
    assert allows(policy, "glue:GetConnection", GLUE + "connection/${JobConnection}")
    assert allows(policy, "glue:GetConnection", GLUE + "catalog")
    assert not allows(policy, "glue:GetConnection", GLUE + "connection/another")
    ec2 = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:"
    for resource in ("subnet/${JobSubnetId}", "security-group/${JobSecurityGroupId}", "network-interface/eni-1"):
        assert allows(policy, "ec2:CreateNetworkInterface", ec2 + resource), resource
    assert not allows(policy, "ec2:CreateNetworkInterface", ec2 + "subnet/subnet-2")
    deleting = [one for one in statements(policy) if "ec2:DeleteNetworkInterface" in one["Action"]]
    assert [one["Condition"]["ArnLike"].keys() for one in deleting] == [{"ec2:Subnet"}]


def test_half_a_network_is_refused(template: Template) -> None:
    (rule,) = template.document["Rules"].values()
    (assertion,) = rule["Assertions"]
    names = re.findall(r"'Ref': '(\w+)'", str(assertion["Assert"]))
    assert names == [*NETWORK, *NETWORK]
    for name in NETWORK:
        half = {**NETWORK, name: ""}
        assert "JobConnection" not in template.resources(**half)
