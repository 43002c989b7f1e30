"""Every template obeys every rule in every variant, and each rule notices what it is there for."""

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
def test_templates_obey(name: str, variant: str, rule: Any) -> None:
    assert list(rule(deployed(name, variant))) == []


@pytest.mark.parametrize(
    ("rule", "name", "path", "value", "words"),
    [
        ("data_is_encrypted", "pipeline", "OutputBucket.Properties.BucketEncryption", GONE, "OutputBucket: encrypted"),
        ("data_is_encrypted", "pipeline", f"OutputBucket.Properties.{ENCRYPTION}.SSEAlgorithm", "AES256", "AES256"),
        ("data_is_encrypted", "pipeline", "NotificationTopic.Properties.KmsMasterKeyId", "alias/aws/sns", "not encr"),
        ("data_is_encrypted", "workflow", "PushSucceededLog.Properties.KmsKeyId", GONE, "under None"),
        ("data_is_encrypted", "pipeline", "Key.Properties.EnableKeyRotation", False, "not rotated"),
        ("data_is_encrypted", "pipeline", "Queries.Properties.WorkGroupConfiguration.EnforceWorkGroupConfiguration",
         False, "results of queries"),
        ("data_is_encrypted", "mwaa", "Environment.Properties.KmsKey", "alias/other", "under alias/other"),
        ("nothing_is_public", "pipeline", "OutputBucket.Properties.PublicAccessBlockConfiguration.BlockPublicPolicy",
         False, "not blocked"),
        ("nothing_is_public", "pipeline", "OutputBucket.Properties.OwnershipControls", GONE, "another owner"),
        ("nothing_is_public", "pipeline", "OutputBucketPolicy.Properties.PolicyDocument.Statement.0.Effect", "Allow",
         "anyone is allowed"),
        ("nothing_is_public", "mwaa", "ExecutionRole.Properties.AssumeRolePolicyDocument.Statement.0.Principal",
         {"AWS": "*"}, "anyone is allowed"),
        ("nothing_is_public", "mwaa", "SecurityGroupSelfIngress.Properties.CidrIp", "0.0.0.0/0", "lets in addresses"),
        ("services_act_for_this_account", "workflow",
         "ScheduleRole.Properties.AssumeRolePolicyDocument.Statement.0.Condition", GONE, "for any account"),
        ("clear_text_is_refused", "pipeline", "ActivityBucketPolicy.Properties.PolicyDocument.Statement.0.Condition",
         GONE, "ActivityBucket: takes requests"),
        ("clear_text_is_refused", "pipeline", "ActivityBucketPolicy.Properties.PolicyDocument.Statement.0.Action",
         "s3:GetObject", "ActivityBucket: takes requests"),
        ("clear_text_is_refused", "pipeline", "NotificationTopicPolicy", GONE, "takes messages"),
        ("what_is_lost_for_good_is_kept", "pipeline", "Key.DeletionPolicy", "Delete", "Key: goes"),
        ("what_is_lost_for_good_is_kept", "pipeline", "OutputBucket.UpdateReplacePolicy", GONE, "OutputBucket: goes"),
        ("what_is_lost_for_good_is_kept", "mwaa", "TaskLogs.DeletionPolicy", GONE, "does not say"),
        ("data_has_an_end", "mwaa", "TaskLogs.Properties.RetentionInDays", GONE, "kept for ever"),
        ("data_has_an_end", "pipeline", "ActivityBucket.Properties.LifecycleConfiguration.Rules.1", {"Status": ""},
         "incomplete uploads"),
        ("data_has_an_end", "pipeline", "ArtifactsBucket.Properties.LifecycleConfiguration.Rules.0.Status", "Disabled",
         "old versions"),
        ("data_has_an_end", "pipeline", "OutputBucket.Properties.VersioningConfiguration", GONE, "are versioned"),
        ("data_has_an_end", "pipeline", "OutputBucket.Properties.LifecycleConfiguration.Rules.2.Prefix", "delivered/",
         "expires"),
        ("policies_allow_little", "pipeline", "PushRole.Properties.Policies.0.PolicyDocument.Statement.0.Action",
         "s3:*", r"FindBuckets allows \['s3:\*'\]"),
        ("policies_allow_little", "pipeline", "PushRole.Properties.Policies.0.PolicyDocument.Statement.0.Resource",
         "*", "FindBuckets allows it everywhere"),
        ("policies_allow_little", "mwaa", "ExecutionRole.Properties.Policies.0.PolicyDocument.Statement.1.Action",
         "s3:*", "ReadReleases allows"),
        ("policies_allow_little", "github", "DeployRole.Properties.Policies.0.PolicyDocument.Statement.1",
         {"Sid": "X", "Effect": "Allow", "NotAction": "iam:*", "NotResource": "a"}, "X allows"),
        ("secrets_are_named_only", "pipeline", "/Parameters.CrmToken", {"Type": "String"}, "would carry"),
        ("secrets_are_named_only", "pipeline", "/Parameters.CrmSecretArn.NoEcho", True, "would carry"),
        ("secrets_are_named_only", "pipeline", "/Outputs.X", {"Value": "{{resolve:secretsmanager:a}}"}, "looked up"),
        ("only_http_retries", "pipeline", "PushJob.Properties.MaxRetries", 1, "again or twice"),
        ("only_http_retries", "pipeline", "ScoreJob.Properties.ExecutionProperty.MaxConcurrentRuns", 2, "twice"),
        ("only_http_retries", "pipeline", "ScoreJob.Properties.Timeout", GONE, "two days"),
        ("only_http_retries", "pipeline", "PushJob.Properties.DefaultArguments.--conf", "a=b", "Spark runs"),
        ("only_http_retries", "workflow", "Workflow.Properties.MaxConcurrentRuns", GONE, "twice at once"),
        ("everything_is_described", "github", "/Outputs.Subject.Description", GONE, "Subject: is not described"),
    ],
)  # fmt: skip
def test_a_rule_notices(rule: str, name: str, path: str, value: Any, words: str) -> None:
    made = Deployed(name)
    made.template = copy.deepcopy(made.template)
    change(made.template if path.startswith("/") else made.resources, path.removeprefix("/").split("."), value)
    assert re.search(words, "\n".join(getattr(rules, rule)(made)))


def test_a_role_without_the_boundary_is_noticed() -> None:
    made = Deployed("mwaa", **VARIANTS["mwaa"]["everything"])
    assert list(rules.roles_are_bound(made)) == []
    del made.properties("ExecutionRole")["PermissionsBoundary"]
    assert list(rules.roles_are_bound(made)) == ["ExecutionRole: has the boundary None"]


def test_no_exception_is_left_over() -> None:
    said = {
        (name, statement["Sid"])
        for name, variant in ALL_VARIANTS
        for one in deployed(name, variant).resources.values()
        for statement in rules.statements(one)
        if "Sid" in statement
    }
    assert {*rules.FAMILIES, *rules.EVERYWHERE} <= said


@pytest.mark.parametrize("name", VARIANTS)
def test_a_template_fits_into_an_api_call(name: str) -> None:
    assert (INFRA / f"{name}.yaml").stat().st_size <= 51_200
    assert {path.stem for path in INFRA.glob("*.yaml")} == set(VARIANTS)


def change(piece: Any, path: list[str], value: Any) -> None:
    """Set what the path leads to, or remove it."""
    step = int(path[0]) if isinstance(piece, list) else path[0]
    if len(path) > 1:
        change(piece[step], path[1:], value)
    elif value is GONE:
        del piece[step]
    else:
        piece[step] = value
