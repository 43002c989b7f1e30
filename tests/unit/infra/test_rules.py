"""Every template obeys every rule in every variant, and each rule finds its violations."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from tests.unit.infra import rules
from tests.unit.infra.deployed import INFRA, VARIANTS, Deployed, deployed
from tests.unit.infra.rules import RULES

GONE = object()
ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault"
ALL_VARIANTS = [(name, variant) for name, variants in VARIANTS.items() for variant in variants]


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one.__name__)
@pytest.mark.parametrize(("name", "variant"), ALL_VARIANTS)
def test_a_template_obeys_the_rule(name: str, variant: str, rule: Any) -> None:
    assert list(rule(deployed(name, variant))) == []


@pytest.mark.parametrize(
    ("rule", "name", "path", "value", "message"),
    [
        ("data_is_encrypted", "pipeline", "OutputBucket.Properties.BucketEncryption", GONE, "OutputBucket: encrypted"),
        ("data_is_encrypted", "pipeline", f"OutputBucket.Properties.{ENCRYPTION}.SSEAlgorithm", "AES256", "AES256"),
        ("data_is_encrypted", "pipeline", "NotificationTopic.Properties.KmsMasterKeyId", "alias/aws/sns", "not encr"),
        ("data_is_encrypted", "workflow", "PushSucceededLog.Properties.KmsKeyId", GONE, "under None"),
        ("data_is_encrypted", "pipeline", "Key.Properties.EnableKeyRotation", False, "not rotated"),
        ("data_is_encrypted", "pipeline", "Queries.Properties.WorkGroupConfiguration.EnforceWorkGroupConfiguration",
         False, "query results"),
        ("data_is_encrypted", "mwaa", "Environment.Properties.KmsKey", "alias/other", "under alias/other"),
        ("nothing_is_public", "pipeline", "OutputBucket.Properties.PublicAccessBlockConfiguration.BlockPublicPolicy",
         False, "not blocked"),
        ("nothing_is_public", "pipeline", "OutputBucket.Properties.OwnershipControls", GONE, "another owner"),
        ("nothing_is_public", "pipeline", "OutputBucketPolicy.Properties.PolicyDocument.Statement.0.Effect", "Allow",
         "anyone is allowed"),
        ("nothing_is_public", "mwaa", "ExecutionRole.Properties.AssumeRolePolicyDocument.Statement.0.Principal",
         {"AWS": "*"}, "anyone is allowed"),
        ("nothing_is_public", "mwaa", "SecurityGroupSelfIngress.Properties.CidrIp", "0.0.0.0/0", "allows IP addresses"),
        ("services_act_for_this_account", "workflow",
         "ScheduleRole.Properties.AssumeRolePolicyDocument.Statement.0.Condition", GONE, "for any account"),
        ("tls_is_required", "pipeline", "ActivityBucketPolicy.Properties.PolicyDocument.Statement.0.Condition",
         GONE, "ActivityBucket: accepts requests"),
        ("tls_is_required", "pipeline", "ActivityBucketPolicy.Properties.PolicyDocument.Statement.0.Action",
         "s3:GetObject", "ActivityBucket: accepts requests"),
        ("tls_is_required", "pipeline", "NotificationTopicPolicy", GONE, "accepts messages"),
        ("lasting_data_is_retained", "pipeline", "Key.DeletionPolicy", "Delete", "Key: is deleted"),
        ("lasting_data_is_retained", "pipeline", "OutputBucket.UpdateReplacePolicy", GONE, "OutputBucket: is deleted"),
        ("lasting_data_is_retained", "mwaa", "TaskLogs.DeletionPolicy", GONE, "does not state"),
        ("data_expires", "mwaa", "TaskLogs.Properties.RetentionInDays", GONE, "never expire"),
        ("data_expires", "pipeline", "ActivityBucket.Properties.LifecycleConfiguration.Rules.1", {"Status": ""},
         "incomplete uploads"),
        ("data_expires", "pipeline", "ArtifactsBucket.Properties.LifecycleConfiguration.Rules.0.Status", "Disabled",
         "old versions"),
        ("data_expires", "pipeline", "OutputBucket.Properties.VersioningConfiguration", GONE, "must be versioned"),
        ("data_expires", "pipeline", "OutputBucket.Properties.LifecycleConfiguration.Rules.2.Prefix", "delivered/",
         "expires"),
        ("policies_are_specific", "pipeline", "PushRole.Properties.Policies.0.PolicyDocument.Statement.0.Action",
         "s3:*", r"FindBuckets allows \['s3:\*'\]"),
        ("policies_are_specific", "pipeline", "PushRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource",
         "*", "FindBuckets allows all resources"),
        ("policies_are_specific", "mwaa", "ExecutionRole.Properties.Policies.0.PolicyDocument.Statement.1.Action",
         "s3:*", "ReadReleases allows"),
        ("policies_are_specific", "github", "DeployRole.Properties.Policies.0.PolicyDocument.Statement.1",
         {"Sid": "X", "Effect": "Allow", "NotAction": "iam:*", "NotResource": "a"}, "X allows"),
        ("no_secret_is_passed", "pipeline", "/Parameters.CrmToken", {"Type": "String"}, "would contain"),
        ("no_secret_is_passed", "pipeline", "/Parameters.CrmSecretArn.NoEcho", True, "would contain"),
        ("no_secret_is_passed", "pipeline", "/Outputs.X", {"Value": "{{resolve:secretsmanager:a}}"}, "reads a secret"),
        ("only_http_retries", "pipeline", "PushJob.Properties.MaxRetries", 1, "retries it or"),
        ("only_http_retries", "pipeline", "ScoreJob.Properties.ExecutionProperty.MaxConcurrentRuns", 2, "in parallel"),
        ("only_http_retries", "pipeline", "ScoreJob.Properties.Timeout", GONE, "two days"),
        ("only_http_retries", "pipeline", "PushJob.Properties.DefaultArguments.--conf", "a=b", "Spark retries"),
        ("only_http_retries", "workflow", "Workflow.Properties.MaxConcurrentRuns", GONE, "parallel runs"),
        ("everything_is_described", "github", "/Outputs.Subject.Description", GONE, "Subject: has no description"),
    ],
)  # fmt: skip
def test_a_rule_finds_a_violation(rule: str, name: str, path: str, value: Any, message: str) -> None:
    made = Deployed(name)
    made.template = copy.deepcopy(made.template)
    change(made.template if path.startswith("/") else made.resources, path.removeprefix("/").split("."), value)
    assert re.search(message, "\n".join(getattr(rules, rule)(made)))


def test_a_role_without_the_boundary_is_found() -> None:
    made = Deployed("mwaa", **VARIANTS["mwaa"]["everything"])
    assert list(rules.roles_have_the_boundary(made)) == []
    del made.properties("ExecutionRole")["PermissionsBoundary"]
    assert list(rules.roles_have_the_boundary(made)) == ["ExecutionRole: has the boundary None"]


def test_every_exception_names_an_existing_statement() -> None:
    existing = {
        (name, statement["Sid"])
        for name, variant in ALL_VARIANTS
        for one in deployed(name, variant).resources.values()
        for statement in rules.statements(one)
        if "Sid" in statement
    }
    assert {*rules.FAMILIES, *rules.EVERYWHERE} <= existing


@pytest.mark.parametrize("name", VARIANTS)
def test_a_template_fits_into_a_request(name: str) -> None:
    assert (INFRA / f"{name}.yaml").stat().st_size <= 51_200
    assert {path.stem for path in INFRA.glob("*.yaml")} == set(VARIANTS)


def change(piece: Any, path: list[str], value: Any) -> None:
    """Set the value at the path, or remove it."""
    step = int(path[0]) if isinstance(piece, list) else path[0]
    if len(path) > 1:
        change(piece[step], path[1:], value)
    elif value is GONE:
        del piece[step]
    else:
        piece[step] = value
