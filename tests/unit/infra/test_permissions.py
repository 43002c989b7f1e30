"""What each role cannot do. `tests/stack/test_least_privilege.py` records what each role must be able to do.

Requests of Spark, Glue and MWAA are not sent by botocore and are listed in `unrecorded_requests.py`.
"""

from __future__ import annotations

import pytest

from tests.unit.infra.actors import ACTORS, AIRFLOW, AT_RUN_TIME, DEPLOY, FORMATION, PUSH, SCHEDULE, SCORE, actor
from tests.unit.infra.deployed import ACCOUNT, CRM_SECRET, KEY, PREFIX, REGION, Deployed, deployed
from tests.unit.infra.names import (
    ACTIVITY,
    ARTIFACTS,
    CODE,
    DAY,
    ENVIRONMENT,
    EXTRACT,
    JOBS,
    LEDGER,
    OUTPUT,
    TOPIC,
    VARIABLE,
    WORKFLOW,
    listing,
    object_arn,
    secret,
)
from tests.unit.infra.policies import Request, Statement, allowed, listed
from tests.unit.infra.unrecorded_requests import UNRECORDED

# ---- allowed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", AT_RUN_TIME)
def test_unrecorded_requests_are_allowed(who: str) -> None:
    refused = {f"{one.action} {one.resource} {dict(one.context)}" for one in UNRECORDED[who] if not actor(who).may(one)}
    assert refused == set()


@pytest.mark.parametrize("template", ["pipeline", "mwaa", "workflow"])
@pytest.mark.parametrize("variant", ["default", "everything"])
def test_the_boundary_allows_every_permission_of_a_role(template: str, variant: str) -> None:
    """Otherwise a new permission would be missing only in stacks that GitHub deploys."""
    made = deployed(template, variant)
    boundary = actor(AIRFLOW).boundary
    assert boundary
    granted = [one for one in _statements(made) if one["Effect"] == "Allow"]
    assert granted
    outside = {
        f"{action} {resource}"
        for one in granted
        for action in listed(one["Action"])
        # A statement with NotResource for the keys of this account includes keys of another account.
        for resource in listed(one.get("Resource", f"arn:aws:kms:{REGION}:999999999999:key/1"))
        if not allowed(boundary, Request(action, resource, _context(one)))
    }
    assert outside == set()


def _statements(made: Deployed) -> list[Statement]:
    return [
        one
        for kind in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for properties in made.of_type(kind).values()
        for policy in properties.get("Policies", [properties])
        for one in policy["PolicyDocument"]["Statement"]
    ]


def _context(statement: Statement) -> dict[str, str]:
    conditions = {key: value for one in statement.get("Condition", {}).values() for key, value in one.items()}
    return {key: listed(value)[0] for key, value in conditions.items()}


# ---- denied ---------------------------------------------------------------------------------------------------------

NONE: set[str] = set()


@pytest.mark.parametrize(
    ("bucket", "key", "readers", "writers", "deleters"),
    [
        (ACTIVITY, EXTRACT, {AIRFLOW, SCORE}, NONE, NONE),
        (OUTPUT, f"scores/dt={DAY}/part-00000.csv", {SCORE, PUSH}, {SCORE}, {SCORE}),
        (OUTPUT, f"scores/dt={DAY}/_manifest.json", {AIRFLOW, SCORE, PUSH}, {SCORE}, {SCORE}),
        (OUTPUT, f"invalid/dt={DAY}/part-0.json", {SCORE}, {SCORE}, {SCORE}),
        (OUTPUT, LEDGER, {AIRFLOW, PUSH}, {PUSH}, NONE),
        (OUTPUT, f"responses/dt={DAY}/attempt=jr_1/agg-0.json", {AIRFLOW, PUSH}, {PUSH}, NONE),
        (OUTPUT, f"responses/dt={DAY}/_manifest.json", {AIRFLOW, PUSH}, {PUSH}, {PUSH}),
        (OUTPUT, f"responses/dt={DAY}/failed.csv", {PUSH}, {PUSH}, {PUSH}),
        (OUTPUT, "delivered/v=jr_1/part-0.parquet", {PUSH}, {PUSH}, {PUSH}),
        (OUTPUT, "dry_runs/manual-1/_manifest.json", {AIRFLOW, PUSH}, {AIRFLOW, PUSH}, {PUSH}),
        (OUTPUT, f"summaries/dt={DAY}/summary.json", {AIRFLOW}, {AIRFLOW}, NONE),
        (OUTPUT, "athena/1.csv", NONE, NONE, NONE),
        (ARTIFACTS, f"{CODE}/push_scores.py", {AIRFLOW, SCORE, PUSH}, NONE, NONE),
        (ARTIFACTS, "weights/2.json", {AIRFLOW, SCORE}, NONE, NONE),
        (ARTIFACTS, "crm/authorities.pem", {AIRFLOW, PUSH}, NONE, NONE),
        (ARTIFACTS, "dags/a.py", {AIRFLOW, DEPLOY}, {DEPLOY}, {DEPLOY}),
        (ARTIFACTS, "releases/0/plugins.zip", {AIRFLOW, DEPLOY}, {DEPLOY}, NONE),
        ("payroll", "salaries.csv", NONE, NONE, NONE),
    ],
)
def test_only_these_roles_read_write_or_delete_objects(
    bucket: str, key: str, readers: set[str], writers: set[str], deleters: set[str]
) -> None:
    def who_may(action: str) -> set[str]:
        return {who for who in ACTORS if actor(who).may(Request(action, object_arn(bucket, key)))}

    assert who_may("s3:GetObject") == readers
    assert who_may("s3:PutObject") == writers
    assert who_may("s3:DeleteObject") == deleters
    assert who_may("s3:DeleteObjectVersion") == who_may("s3:PutObjectAcl") == NONE


@pytest.mark.parametrize(
    ("action", "resource", "context", "who"),
    [
        ("secretsmanager:GetSecretValue", CRM_SECRET, {}, {PUSH}),
        ("secretsmanager:GetSecretValue", VARIABLE, {}, {AIRFLOW, DEPLOY}),
        ("secretsmanager:PutSecretValue", VARIABLE, {}, {DEPLOY}),
        ("secretsmanager:PutSecretValue", CRM_SECRET, {}, set()),
        ("secretsmanager:DeleteSecret", VARIABLE, {}, set()),
        ("secretsmanager:GetSecretValue", secret("payroll"), {}, set()),
        ("secretsmanager:ListSecrets", "*", {}, set()),
        ("glue:StartJobRun", JOBS[SCORE], {}, {AIRFLOW, DEPLOY}),
        ("glue:StartJobRun", JOBS[SCORE].replace("score-users", "other"), {}, set()),
        ("glue:CreateJob", JOBS[SCORE], {}, {FORMATION}),
        ("glue:UpdateJob", JOBS[SCORE], {}, {FORMATION}),
        ("glue:DeleteJob", JOBS[SCORE], {}, {FORMATION}),
        ("glue:DeleteJob", f"arn:aws:glue:{REGION}:{ACCOUNT}:job/payroll", {}, set()),
        ("glue:StartWorkflowRun", WORKFLOW, {}, {SCHEDULE}),
        ("sns:Publish", TOPIC, {}, {AIRFLOW}),
        ("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:payroll", {}, set()),
        ("kms:Decrypt", KEY, {}, set()),
        (
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/payroll",
            {"kms:ViaService": f"s3.{REGION}.amazonaws.com"},
            set(),
        ),
        (
            "kms:PutKeyPolicy",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/payroll",
            {"kms:ResourceAliases": ["alias/payroll"]},
            set(),
        ),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/me", {}, set()),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/me", {}, set()),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}, set()),
        ("s3:ListAllMyBuckets", "*", {}, set()),
        ("s3:DeleteBucket", f"arn:aws:s3:::{OUTPUT}", {}, set()),
        ("s3:PutBucketPolicy", f"arn:aws:s3:::{OUTPUT}", {}, {FORMATION}),
        ("s3:PutBucketPolicy", "arn:aws:s3:::payroll", {}, set()),
        ("kms:ScheduleKeyDeletion", KEY, {"kms:ResourceAliases": [f"alias/{PREFIX}"]}, set()),
        ("airflow:DeleteEnvironment", ENVIRONMENT, {}, set()),
        ("airflow:CreateWebLoginToken", f"arn:aws:airflow:{REGION}:{ACCOUNT}:role/{PREFIX}/Admin", {}, set()),
        ("airflow:InvokeRestApi", f"arn:aws:airflow:{REGION}:{ACCOUNT}:role/{PREFIX}/Admin", {}, set()),
        ("airflow:InvokeRestApi", f"arn:aws:airflow:{REGION}:{ACCOUNT}:role/{PREFIX}/Op", {}, {DEPLOY}),
        ("athena:StartQueryExecution", f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{PREFIX}", {}, set()),
    ],
)
def test_only_these_roles_have_a_permission(action: str, resource: str, context: dict[str, str], who: set[str]) -> None:
    assert {one for one in ACTORS if actor(one).may(Request(action, resource, context))} == who


@pytest.mark.parametrize("who", [AIRFLOW, DEPLOY])
def test_the_token_is_denied_explicitly(who: str) -> None:
    assert actor(who).never(Request("secretsmanager:GetSecretValue", CRM_SECRET))


@pytest.mark.parametrize("who", AT_RUN_TIME)
def test_no_role_can_pass_a_role_at_run_time(who: str) -> None:
    for role in (f"{PREFIX}-pipeline-PushRole-X", f"{PREFIX}-github-deploy", "admin"):
        assert not actor(who).may(Request("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{role}"))


@pytest.mark.parametrize(("who", "bucket"), [(PUSH, ACTIVITY), (DEPLOY, OUTPUT), (SCHEDULE, OUTPUT)])
def test_foreign_buckets_cannot_be_listed(who: str, bucket: str) -> None:
    assert not actor(who).may(listing(bucket, ""))


@pytest.mark.parametrize(
    ("resource", "tags", "may"),
    [
        ("network-interface/eni-1", ["aws-glue-service-resource"], True),
        ("network-interface/eni-1", ["Name"], False),
        ("vpc/vpc-1", ["aws-glue-service-resource"], False),
    ],
)
def test_the_boundary_allows_only_the_tag_of_glue(resource: str, tags: list[str], may: bool) -> None:
    """CloudFormation's role may change networks with the name tag, so no other role may set that tag."""
    boundary = actor(PUSH).boundary
    assert boundary
    asked = Request("ec2:CreateTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:{resource}", {"aws:TagKeys": tags})
    assert allowed(boundary, asked) is may
