"""Each role may do what its part of a run really does, and none of what would hurt.

What a run does is recorded: every AWS call of a day on the stand-ins. Spark's own requests to S3, Glue's and MWAA's are
not botocore's and are listed by hand (`by_hand.py`).
"""

from __future__ import annotations

import pytest

from tests.unit.infra import permissions
from tests.unit.infra.actors import (
    AIRFLOW,
    AT_RUN_TIME,
    DEPLOY,
    EVERYBODY,
    FORMATION,
    PUSH,
    SCHEDULE,
    SCORE,
    actor,
)
from tests.unit.infra.by_hand import BY_HAND
from tests.unit.infra.permissions import (
    ACTIVITY,
    ARTIFACTS,
    CODE,
    ENVIRONMENT,
    EXTRACT,
    JOBS,
    KEY,
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
from tests.unit.infra.recording import DAY, Recording, record
from tests.unit.infra.resolved import ACCOUNT, CRM_SECRET, EVERYTHING, PREFIX, REGION, Resolved

pytestmark = pytest.mark.timeout(900)  # the recorded day alone takes half a minute, and more on a busy machine


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("recording"))


# ---- what is done ---------------------------------------------------------------------------------------------------


def test_the_recorded_day_is_a_whole_one(recording: Recording) -> None:
    assert recording.summary["outcomes"]["delivered"] == recording.summary["rows"] > 900
    done = {(call.who, call.service, call.operation) for call in recording.calls}
    assert {who for who, _, _ in done} == {AIRFLOW, SCORE, PUSH}
    assert {operation for who, service, operation in done if (who, service) == (AIRFLOW, "glue")} == {
        "GetJob",
        "GetJobRun",
        "GetJobRuns",
        "StartJobRun",
    }
    assert {(AIRFLOW, "secretsmanager", "GetSecretValue"), (AIRFLOW, "sns", "Publish")} <= done
    assert (PUSH, "secretsmanager", "GetSecretValue") in done
    # Spark's workers are recorded as well: they write the ledger.
    written = {call.parameters["Key"] for call in recording.calls if (call.who, call.operation) == (PUSH, "PutObject")}
    assert [key for key in written if "/part-0-" in key]


def test_airflow_reads_its_variable_and_no_other_secret(recording: Recording) -> None:
    asked = {
        call.parameters["SecretId"]
        for call in recording.calls
        if (call.who, call.service) == (AIRFLOW, "secretsmanager")
    }
    assert asked == {f"{PREFIX}/airflow/variables/engagement"}


def test_every_recorded_call_is_allowed(recording: Recording) -> None:
    refused = {
        f"{call.who}: {request.action} {request.resource} {dict(request.context)}"
        for call in recording.calls
        for request in permissions.needed(call)
        if not actor(call.who).may(request)
    }
    assert refused == set()


@pytest.mark.parametrize("who", AT_RUN_TIME)
def test_what_is_no_call_of_boto_is_allowed_too(who: str) -> None:
    refused = {f"{one.action} {one.resource} {dict(one.context)}" for one in BY_HAND[who] if not actor(who).may(one)}
    assert refused == set()


@pytest.mark.parametrize("template", EVERYTHING)
@pytest.mark.parametrize("extras", [False, True])
def test_the_boundary_allows_all_that_a_role_may(template: str, extras: bool) -> None:
    """Or a right that somebody adds to a template would be missing where GitHub deploys it, and nowhere else."""
    resolved = Resolved(template, EVERYTHING[template] if extras else {})
    boundary = actor(AIRFLOW).boundary
    assert boundary
    granted = [one for one in _statements(resolved) if one["Effect"] == "Allow"]
    assert granted
    outside = {
        f"{action} {resource}"
        for one in granted
        for action in listed(one["Action"])
        # What is everything but this account's keys includes another account's.
        for resource in listed(one.get("Resource", f"arn:aws:kms:{REGION}:999999999999:key/1"))
        if not allowed(boundary, Request(action, resource, _context(one)))
    }
    assert outside == set()


def _statements(resolved: Resolved) -> list[Statement]:
    return [
        one
        for kind in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for properties in resolved.of_type(kind).values()
        for policy in properties.get("Policies", [properties])
        for one in policy["PolicyDocument"]["Statement"]
    ]


def _context(statement: Statement) -> dict[str, str]:
    conditions = {key: value for one in statement.get("Condition", {}).values() for key, value in one.items()}
    return {key: listed(value)[0] for key, value in conditions.items()}


# ---- what is not done -----------------------------------------------------------------------------------------------

OBJECTS = {
    "an extract": object_arn(ACTIVITY, EXTRACT),
    "a row of scores": object_arn(OUTPUT, f"scores/dt={DAY}/part-00000.csv"),
    "a ledger line": object_arn(OUTPUT, LEDGER),
    "who was not reached": object_arn(OUTPUT, f"responses/dt={DAY}/failed.csv"),
    "what was delivered": object_arn(OUTPUT, "delivered/v=jr_1/part-0.parquet"),
    "rejected rows": object_arn(OUTPUT, f"rejected/dt={DAY}/part-0.json"),
    "a query's result": object_arn(OUTPUT, "athena/1.csv"),
    "a summary": object_arn(OUTPUT, f"summaries/dt={DAY}/summary.json"),
    "the jobs' code": object_arn(ARTIFACTS, f"{CODE}/push_scores.py"),
    "a foreign bucket": object_arn("payroll", "salaries.csv"),
}
READERS = {
    "an extract": {AIRFLOW, SCORE},
    "a row of scores": {SCORE, PUSH},
    "a ledger line": {PUSH},
    "who was not reached": {PUSH},
    "what was delivered": {PUSH},
    "rejected rows": {SCORE},
    "a query's result": set(),
    "a summary": {AIRFLOW},
    "the jobs' code": {AIRFLOW, SCORE, PUSH},
    "a foreign bucket": set(),
}
WRITERS = {
    "an extract": set(),
    "a row of scores": {SCORE},
    "a ledger line": {PUSH},
    "who was not reached": {PUSH},
    "what was delivered": {PUSH},
    "rejected rows": {SCORE},
    "a query's result": set(),
    "a summary": {AIRFLOW},
    "the jobs' code": set(),
    "a foreign bucket": set(),
}
DELETERS = {**WRITERS, "a ledger line": set(), "a summary": set()}


@pytest.mark.parametrize("what", OBJECTS)
def test_who_reads_writes_and_deletes(what: str) -> None:
    def who_may(action: str) -> set[str]:
        return {who for who in EVERYBODY if actor(who).may(Request(action, OBJECTS[what]))}

    assert who_may("s3:GetObject") == READERS[what]
    assert who_may("s3:PutObject") == WRITERS[what]
    assert who_may("s3:DeleteObject") == DELETERS[what]
    assert who_may("s3:DeleteObjectVersion") == who_may("s3:PutObjectAcl") == set()


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
def test_who_may(action: str, resource: str, context: dict[str, str], who: set[str]) -> None:
    assert {one for one in EVERYBODY if actor(one).may(Request(action, resource, context))} == who


@pytest.mark.parametrize("who", [AIRFLOW, DEPLOY])
def test_the_token_is_denied_in_so_many_words(who: str) -> None:
    assert actor(who).never(Request("secretsmanager:GetSecretValue", CRM_SECRET))


@pytest.mark.parametrize("who", AT_RUN_TIME)
def test_nobody_passes_a_role_while_running(who: str) -> None:
    for role in (f"{PREFIX}-pipeline-PushRole-X", f"{PREFIX}-github-deploy", "admin"):
        assert not actor(who).may(Request("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{role}"))


@pytest.mark.parametrize(("who", "bucket"), [(PUSH, ACTIVITY), (DEPLOY, OUTPUT), (SCHEDULE, OUTPUT)])
def test_buckets_of_others_are_not_listed(who: str, bucket: str) -> None:
    assert not actor(who).may(listing(bucket, ""))


@pytest.mark.parametrize(
    ("resource", "tags", "may"),
    [
        ("network-interface/eni-1", ["aws-glue-service-resource"], True),
        ("network-interface/eni-1", ["Name"], False),
        ("vpc/vpc-1", ["aws-glue-service-resource"], False),
    ],
)
def test_no_role_in_the_boundary_names_what_is_not_its_own(resource: str, tags: list[str], may: bool) -> None:
    """CloudFormation's role may change a network by its name; nobody may give others' that name."""
    boundary = actor(PUSH).boundary
    assert boundary
    asked = Request("ec2:CreateTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:{resource}", {"aws:TagKeys": tags})
    assert allowed(boundary, asked) is may
