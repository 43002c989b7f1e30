"""The trust in GitHub Actions, for one workflow of one branch, and the permissions of a deployment."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name

from tests.unit.infra.actors import DEPLOY, actor
from tests.unit.infra.deployed import ACCOUNT, INFRA, PREFIX, REGION, VARIANTS, Deployed, deployed
from tests.unit.infra.names import (
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

HOST = "token.actions.githubusercontent.com"
WORKFLOW = INFRA.parent / ".github" / "workflows" / "deploy.yml"
FORMATION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-github-cloudformation"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{PREFIX}-mwaa/1"


# ---- trust ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ({}, "repo:owner/name:environment:production"),
        ({"DeployEnvironment": "staging"}, "repo:owner/name:environment:staging"),
        ({"RepositoryOwnerId": "12", "RepositoryId": "34"}, "repo:owner@12/name@34:environment:production"),
        ({"RepositoryId": "34"}, "repo:owner/name:environment:production"),
        ({"Subject": "repository_id:34:environment:production"}, "repository_id:34:environment:production"),
    ],
)
@pytest.mark.parametrize("branch", ["main", "release/1"])
def test_only_one_workflow_branch_and_environment_is_trusted(given: dict[str, str], subject: str, branch: str) -> None:
    made = Deployed("github", Branch=branch, **given)
    (trust,) = made.properties("DeployRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {
            f"{HOST}:aud": "sts.amazonaws.com",
            f"{HOST}:sub": subject,
            f"{HOST}:job_workflow_ref": f"owner/name/.github/workflows/{WORKFLOW.name}@refs/heads/{branch}",
        }
    }
    assert made.outputs["Subject"] == subject


def test_an_existing_identity_provider_is_used() -> None:
    given = VARIANTS["github"]["given-provider"]["ExistingProviderArn"]
    for variant, providers, arn in (
        ("default", 1, f"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"),
        ("given-provider", 0, given),
    ):
        made = deployed("github", variant)
        assert len(made.of_type("AWS::IAM::OIDCProvider")) == providers
        (trust,) = made.properties("DeployRole")["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Federated": arn}


def test_the_session_is_as_long_as_the_workflow_requests() -> None:
    jobs = yaml.load(WORKFLOW.read_text(), Loader=yaml.BaseLoader)["jobs"]  # noqa: S506 - builds only text
    (asked,) = [
        int(step["with"]["role-duration-seconds"])
        for step in jobs["deploy"]["steps"]
        if "role-duration-seconds" in step.get("with", {})
    ]
    assert deployed("github").properties("DeployRole")["MaxSessionDuration"] == asked
    assert int(jobs["deploy"]["timeout-minutes"]) * 60 <= asked


# ---- the deployment -------------------------------------------------------------------------------------------------

# The permissions for each call of the deploy tool. Add a new call here, and allow it in the template.
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
    "sts:GetCallerIdentity": [],  # needs no permission
}


def operations() -> dict[str, str]:
    """Return `service:Operation` by boto3's method name."""
    session = botocore.session.get_session()
    services = {operation.partition(":")[0] for operation in TOOL}
    return {
        xform_name(operation): f"{service}:{operation}"
        for service in sorted(services)
        for operation in session.get_service_model(service).operation_names
    }


def calls_of_the_tool() -> Iterator[str]:
    """Yield the operations that the source of the deploy tool calls, as `service:Operation`."""
    known = operations()
    for path in (INFRA / "deploy").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
                if name in ("get_paginator", "get_waiter") and isinstance(node.args[0], ast.Constant):
                    name = str(node.args[0].value)
                if name in known:
                    yield known[name]


def test_the_role_allows_exactly_the_calls_of_the_tool() -> None:
    """A missing permission would otherwise be found only in an AWS account."""
    assert set(calls_of_the_tool()) == set(TOOL)
    refused = [f"{one.action} {one.resource}" for needs in TOOL.values() for one in needs if not actor(DEPLOY).may(one)]
    assert refused == []
    granted = {
        action for one in actor(DEPLOY).statements if one["Effect"] == "Allow" for action in listed(one["Action"])
    }
    needed = {one.action for needs in TOOL.values() for one in needs}
    # S3 encrypts releases with the pipeline's key on behalf of the caller.
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
def test_the_deployment_cannot(request_: Request) -> None:
    assert not actor(DEPLOY).may(request_)


# ---- sizes ----------------------------------------------------------------------------------------------------------


def test_policies_are_within_the_limits_of_iam() -> None:
    """IAM allows 6,144 characters in a managed policy and 10,240 in a role's inline policies, without white space."""
    for template, variants in VARIANTS.items():
        made = Deployed(template, **{"NamePrefix": "e" * 30, **variants.get("everything", {})})
        for name, role in made.of_type("AWS::IAM::Role").items():
            assert sum(_size(one["PolicyDocument"]) for one in role.get("Policies", [])) <= 10_240, name
            assert len(role.get("RoleName", "")) <= 64, name
        for name, policy in made.of_type("AWS::IAM::ManagedPolicy").items():
            assert _size(policy["PolicyDocument"]) <= 6_144, name


def _size(document: dict[str, Any]) -> int:
    return len(json.dumps(document, separators=(",", ":")))
