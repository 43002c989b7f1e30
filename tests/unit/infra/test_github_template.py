"""What GitHub Actions may do: trusted for one workflow of one branch, and no more than the deployment needs."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name

from tests.unit.infra.actors import DEPLOY, FORMATION, actor, template_of
from tests.unit.infra.permissions import (
    ACTIVITY,
    ARTIFACTS,
    ENVIRONMENT,
    JOBS,
    OUTPUT,
    VARIABLE,
    listing,
    object_arn,
    secret,
)
from tests.unit.infra.policies import Request, listed
from tests.unit.infra.resolved import ACCOUNT, EVERYTHING, PREFIX, REGION, Resolved
from tests.unit.infra.templates import INFRA

HOST = "token.actions.githubusercontent.com"
WORKFLOW = INFRA.parent / ".github" / "workflows" / "deploy.yml"
FORMATION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-github-cloudformation"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/{PREFIX}-boundary"
IN_BOUNDARY = {"iam:PermissionsBoundary": BOUNDARY}
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{PREFIX}-mwaa/1"


def trust(**given: str) -> dict[str, Any]:
    """The one statement that says who takes the deployment's role."""
    role = Resolved("github", given).resources["DeployRole"]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    found: dict[str, Any] = statement
    return found


# ---- who ------------------------------------------------------------------------------------------------------------


def test_one_workflow_of_one_branch_in_one_environment_is_trusted() -> None:
    assert trust() == {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{HOST}:aud": "sts.amazonaws.com",
                f"{HOST}:sub": "repo:owner/name:environment:production",
                f"{HOST}:job_workflow_ref": "owner/name/.github/workflows/deploy.yml@refs/heads/main",
            }
        },
    }


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ({"DeployEnvironment": "staging"}, "repo:owner/name:environment:staging"),
        ({"RepositoryOwnerId": "12", "RepositoryId": "34"}, "repo:owner@12/name@34:environment:production"),
        ({"RepositoryId": "34"}, "repo:owner/name:environment:production"),
        ({"Subject": "repository_id:34:environment:production"}, "repository_id:34:environment:production"),
    ],
)
def test_the_subject_is_as_github_writes_it(given: dict[str, str], subject: str) -> None:
    assert trust(**given)["Condition"]["StringEquals"][f"{HOST}:sub"] == subject
    assert Resolved("github", given).outputs["Subject"] == subject


def test_the_branch_is_a_parameter() -> None:
    condition = trust(Branch="release/1")["Condition"]["StringEquals"]
    assert condition[f"{HOST}:job_workflow_ref"].endswith("/deploy.yml@refs/heads/release/1")


def test_an_account_has_one_provider_for_github() -> None:
    (made,) = Resolved("github").of_type("AWS::IAM::OIDCProvider").values()
    assert made == {"Url": f"https://{HOST}", "ClientIdList": ["sts.amazonaws.com"]}
    arn = f"arn:aws:iam::999999999999:oidc-provider/{HOST}"
    assert not Resolved("github", {"ExistingProviderArn": arn}).of_type("AWS::IAM::OIDCProvider")
    assert trust(ExistingProviderArn=arn)["Principal"] == {"Federated": arn}


def test_the_session_lasts_as_long_as_the_workflow_asks_for() -> None:
    jobs = yaml.load(WORKFLOW.read_text(), Loader=yaml.BaseLoader)["jobs"]  # noqa: S506 - makes nothing but text
    (asked,) = [
        int(step["with"]["role-duration-seconds"])
        for step in jobs["deploy"]["steps"]
        if "role-duration-seconds" in step.get("with", {})
    ]
    assert template_of("github").resources["DeployRole"]["Properties"]["MaxSessionDuration"] == asked


# ---- the deployment -------------------------------------------------------------------------------------------------

# What each call of the deploy tool needs; a new call there has to be told here, and allowed.
TOOL: dict[str, list[Request]] = {
    "cloudformation:CreateChangeSet": [
        Request("cloudformation:CreateChangeSet", STACK, {"cloudformation:RoleArn": FORMATION_ROLE}),
        Request("iam:PassRole", FORMATION_ROLE, {"iam:PassedToService": "cloudformation.amazonaws.com"}),
    ],
    **{
        f"cloudformation:{operation}": [Request(f"cloudformation:{operation}", STACK)]
        for operation in (
            "DescribeChangeSet",
            "ExecuteChangeSet",
            "DeleteChangeSet",
            "DescribeStacks",
            "DescribeStackEvents",
            "GetStackPolicy",
            "SetStackPolicy",
            "DeleteStack",
        )
    },
    "s3:ListObjectsV2": [
        listing(ARTIFACTS, "releases/"),
        listing(ARTIFACTS, "dags/"),
        listing(ACTIVITY, "activity/dt="),
    ],
    "s3:GetObject": [
        Request("s3:GetObject", object_arn(ARTIFACTS, key)) for key in ("releases/0/release.json", "dags/a.py")
    ],
    "s3:PutObject": [
        Request("s3:PutObject", object_arn(ARTIFACTS, key)) for key in ("releases/0/release.json", "dags/a.py")
    ],
    "s3:DeleteObject": [Request("s3:DeleteObject", object_arn(ARTIFACTS, "dags/a.py"))],
    **{
        f"secretsmanager:{operation}": [Request(f"secretsmanager:{operation}", VARIABLE)]
        for operation in ("CreateSecret", "DescribeSecret", "GetSecretValue", "PutSecretValue", "RestoreSecret")
    },
    "mwaa:GetEnvironment": [Request("airflow:GetEnvironment", ENVIRONMENT)],
    "mwaa:InvokeRestApi": [Request("airflow:InvokeRestApi", f"arn:aws:airflow:{REGION}:{ACCOUNT}:role/{PREFIX}/Op")],
    **{
        f"glue:{operation}": [Request(f"glue:{operation}", job) for job in JOBS.values()]
        for operation in ("GetJobRuns", "GetJobRun", "StartJobRun")
    },
    "glue:GetTriggers": [Request("glue:GetTriggers", f"arn:aws:glue:{REGION}:{ACCOUNT}:trigger/*")],
    "sts:GetCallerIdentity": [],  # which needs no permission
}


def operations() -> dict[str, str]:
    """boto3's name of each operation -> `service:Operation`."""
    session = botocore.session.get_session()
    services = {operation.partition(":")[0] for operation in TOOL}
    return {
        xform_name(operation): f"{service}:{operation}"
        for service in sorted(services)
        for operation in session.get_service_model(service).operation_names
    }


def calls_of_the_tool() -> Iterator[str]:
    """Operations that the deploy tool's source calls, as `service:Operation`."""
    known = operations()
    for path in (INFRA / "deploy").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
                if name in ("get_paginator", "get_waiter") and isinstance(node.args[0], ast.Constant):
                    name = str(node.args[0].value)
                if name in known:
                    yield known[name]


def test_the_deployment_may_make_each_call_of_the_deploy_tool_and_no_other() -> None:
    """A call that the role lacks would be refused in the account, and nowhere before."""
    assert set(calls_of_the_tool()) == set(TOOL)
    refused = [f"{one.action} {one.resource}" for needs in TOOL.values() for one in needs if not actor(DEPLOY).may(one)]
    assert refused == []
    granted = {
        action for one in actor(DEPLOY).statements if one["Effect"] == "Allow" for action in listed(one["Action"])
    }
    needed = {one.action for needs in TOOL.values() for one in needs}
    # Releases under the pipeline's own key are encrypted by S3 in the caller's name.
    assert granted - needed == {"kms:GenerateDataKey", "kms:Decrypt"}


@pytest.mark.parametrize(
    "request_",
    [
        Request("cloudformation:CreateChangeSet", STACK),
        Request(
            "cloudformation:CreateChangeSet", STACK, {"cloudformation:RoleArn": f"arn:aws:iam::{ACCOUNT}:role/admin"}
        ),
        Request("cloudformation:ExecuteChangeSet", STACK.replace(f"{PREFIX}-mwaa", "payroll")),
        Request("cloudformation:ExecuteChangeSet", STACK.replace("-mwaa", "-github")),
        Request("cloudformation:UpdateStack", STACK),
        Request("iam:PassRole", FORMATION_ROLE, {"iam:PassedToService": "glue.amazonaws.com"}),
        Request(
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT}:role/admin",
            {"iam:PassedToService": "cloudformation.amazonaws.com"},
        ),
        Request("s3:DeleteObject", object_arn(ARTIFACTS, "releases/0/release.json")),
        Request("s3:PutObject", object_arn(ARTIFACTS, "weights/2.json")),
        listing(OUTPUT, "scores/"),
        Request("s3:GetObject", object_arn(OUTPUT, "summaries/a.json")),
        Request("secretsmanager:GetSecretValue", secret(f"{PREFIX}/airflow/variables/engagement_more")),
        Request("glue:StartJobRun", f"arn:aws:glue:{REGION}:{ACCOUNT}:job/payroll"),
    ],
    ids=lambda one: f"{one.action} {one.resource.rpartition(':')[2]} {dict(one.context)}",
)
def test_the_deployment_may_not(request_: Request) -> None:
    assert not actor(DEPLOY).may(request_)


# ---- the documents --------------------------------------------------------------------------------------------------


def test_policies_fit_into_what_iam_takes() -> None:
    """6,144 characters of a managed policy and 10,240 of a role's inline ones, white space aside."""
    for template in (*EVERYTHING, "github"):
        resolved = Resolved(template, {"NamePrefix": "e" * 30, **EVERYTHING.get(template, {})})
        for name, role in resolved.of_type("AWS::IAM::Role").items():
            assert sum(_size(one["PolicyDocument"]) for one in role.get("Policies", [])) <= 10_240, name
            assert len(role.get("RoleName", "")) <= 64, name
        for name, policy in resolved.of_type("AWS::IAM::ManagedPolicy").items():
            assert _size(policy["PolicyDocument"]) <= 6_144, name


def _size(document: dict[str, Any]) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def test_what_is_allowed_everywhere_is_said() -> None:
    everywhere = {
        who: {one["Sid"] for one in actor(who).statements if "*" in listed(one["Resource"])}
        for who in (DEPLOY, FORMATION)
    }
    assert everywhere == {
        DEPLOY: set(),
        FORMATION: {"MakeTheKey", "LetEventsIntoLogGroups", "LookAtAlarms", "LookAtNetworks"},
    }


def test_outputs_are_what_is_needed_elsewhere() -> None:
    outputs = template_of("github").outputs
    assert set(outputs) == {"DeployRoleArn", "CloudFormationRoleArn", "BoundaryArn", "Subject"}
    assert outputs["DeployRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-github-deploy"
    assert outputs["CloudFormationRoleArn"] == FORMATION_ROLE
    assert outputs["BoundaryArn"] == BOUNDARY
