"""Rules for every template in every variant. A rule yields its violations; see `test_rules.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.unit.infra.deployed import Deployed
from tests.unit.infra.policies import listed

# The content of these cannot be restored.
_KEPT = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::SQS::Queue", "AWS::DynamoDB::Table")
_POLICIES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_KMS_FAMILY = "one permission, and the ARN and the use of the key are restricted"
# (template, statement) -> why its actions may contain wildcards
FAMILIES = {
    ("mwaa", "ReadReleases"): "documented by MWAA, only for the artifacts bucket",
    ("mwaa", "UseEnvironmentKey"): _KMS_FAMILY,
    ("mwaa", "UseQueueKey"): _KMS_FAMILY,
    ("pipeline", "UseTopicAndDataKey"): _KMS_FAMILY,
    ("github", "ManageBuckets"): "CloudFormation reads all settings of a bucket, but no objects",
}
_NO_ARN = "its actions have no resource types"
# (template, statement) -> why it may allow all resources
EVERYWHERE = {
    ("pipeline", "PutMetrics"): "a metric has no ARN; the namespace is restricted",
    ("pipeline", "DescribeNetwork"): _NO_ARN,
    ("mwaa", "CheckPublicAccessBlock"): _NO_ARN,
    ("mwaa", "DescribeLogGroups"): _NO_ARN,
    ("mwaa", "WriteMetrics"): "documented by MWAA",
    ("mwaa", "UseQueueKey"): "the key of the queue is in an account of MWAA",
    ("github", "CreateKey"): "a new key has no ARN yet",
    ("github", "ManageLogResourcePolicies"): _NO_ARN,
    ("github", "ReadAlarms"): _NO_ARN,
    ("github", "DescribeNetworks"): _NO_ARN,
}
# The boundary only limits permissions; it grants none.
_GRANTS_NOTHING = ("github", "Boundary")


def data_is_encrypted(made: Deployed) -> Iterator[str]:
    """All data at rest is encrypted, with the customer managed key if there is one."""
    own = made.resolver.resolve({"Fn::GetAtt": ["Key", "Arn"]}) if made.name == "pipeline" else None
    key = own if made.parameters.get("EncryptWithOwnKey") == "true" else None
    for name, bucket in made.of_type("AWS::S3::Bucket").items():
        found = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [{}])
        default = found[0].get("ServerSideEncryptionByDefault", {})
        if (default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")) != ("aws:kms", key):
            yield f"{name}: encrypted by {default}"
    for name, topic in made.of_type("AWS::SNS::Topic").items():
        # Alarms and EventBridge cannot publish to a topic that is encrypted with the AWS managed key.
        if topic.get("KmsMasterKeyId") != own:
            yield f"{name}: not encrypted with the stack's key"
    group_key = {"mwaa": made.parameters.get("EnvironmentKeyArn"), "workflow": made.parameters.get("KeyArn")}
    for name, group in made.of_type("AWS::Logs::LogGroup").items():
        if group.get("KmsKeyId") != (group_key.get(made.name, key) or None):
            yield f"{name}: encrypted under {group.get('KmsKeyId')}"
    for name, one in made.of_type("AWS::KMS::Key").items():
        if one.get("EnableKeyRotation") is not True:
            yield f"{name}: not rotated"
    for name, group in made.of_type("AWS::Athena::WorkGroup").items():
        settings = group["WorkGroupConfiguration"]
        result = settings["ResultConfiguration"].get("EncryptionConfiguration")
        under = {"EncryptionOption": "SSE_KMS", "KmsKey": key} if key else {"EncryptionOption": "SSE_S3"}
        if (settings.get("EnforceWorkGroupConfiguration"), result) != (True, under):
            yield f"{name}: query results encrypted by {result}"
    for name, one in made.of_type("AWS::MWAA::Environment").items():
        if one.get("KmsKey") != (made.parameters["EnvironmentKeyArn"] or None):
            yield f"{name}: encrypted under {one.get('KmsKey')}"


def nothing_is_public(made: Deployed) -> Iterator[str]:
    """No bucket, policy, trust policy or security group allows access from outside the account."""
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    for name, bucket in made.of_type("AWS::S3::Bucket").items():
        if bucket.get("PublicAccessBlockConfiguration") != dict.fromkeys(blocks, True):
            yield f"{name}: public access is not blocked"
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{name}: objects can have another owner and ACLs"
    for name, one in made.resources.items():
        for statement in [*statements(one), *_trust(one)]:
            if statement["Effect"] == "Allow" and "*" in _principals(statement):
                yield f"{name}: anyone is allowed {statement['Action']}"
        properties = one["Properties"]
        rules = [properties] if one["Type"].endswith("Ingress") else properties.get("SecurityGroupIngress", [])
        if any(cidr in rule for rule in rules for cidr in ("CidrIp", "CidrIpv6")):
            yield f"{name}: allows IP addresses"


def services_act_for_this_account(made: Deployed) -> Iterator[str]:
    """A service may assume a role only for this account; Glue does not support such a condition."""
    for name, role in made.of_type("AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            bound = statement.get("Condition", {}).get("StringEquals", {})
            if statement["Principal"] != {"Service": "glue.amazonaws.com"} and not bound:
                yield f"{name}: {statement['Principal']} may assume it for any account"


def tls_is_required(made: Deployed) -> Iterator[str]:
    """Buckets and topics deny all requests without TLS."""
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    guarded = {}
    for one in made.resources.values():
        if not one["Type"].endswith(("BucketPolicy", "TopicPolicy")):
            continue
        for statement in statements(one):
            if (statement["Effect"], statement["Principal"], statement.get("Condition")) == ("Deny", "*", insecure):
                named = listed(one["Properties"].get("Bucket") or one["Properties"]["Topics"])
                guarded.update(dict.fromkeys(named, (statement["Action"], statement["Resource"])))
    for name in made.of_type("AWS::S3::Bucket"):
        if guarded.get(made.ref(name)) != (["s3:*"], [made.arn(name), f"{made.arn(name)}/*"]):
            yield f"{name}: accepts requests without TLS"
    for name in made.of_type("AWS::SNS::Topic"):
        if guarded.get(made.ref(name)) != (["sns:Publish"], [made.arn(name)]):
            yield f"{name}: accepts messages without TLS"


def lasting_data_is_retained(made: Deployed) -> Iterator[str]:
    """Resources that cannot be restored are retained with their stack deleted; log groups state what happens."""
    for name, one in made.resources.items():
        ends = (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy"))
        if one["Type"] in _KEPT and ends != ("Retain", "Retain"):
            yield f"{name}: is deleted with the stack"
        if one["Type"] == "AWS::Logs::LogGroup" and ends not in (("Delete", "Delete"), ("Retain", "Retain")):
            yield f"{name}: does not state whether it is deleted with the stack"


def data_expires(made: Deployed) -> Iterator[str]:
    """Logs, uploads and old versions expire; the snapshot of delivered scores and the current code never do."""
    for name, group in made.of_type("AWS::Logs::LogGroup").items():
        if not group.get("RetentionInDays"):
            yield f"{name}: its logs never expire"
    for name, bucket in made.of_type("AWS::S3::Bucket").items():
        rules = [one for one in bucket["LifecycleConfiguration"]["Rules"] if one["Status"] == "Enabled"]
        if not any("AbortIncompleteMultipartUpload" in one and "Prefix" not in one for one in rules):
            yield f"{name}: incomplete uploads never expire"
        versioned = "VersioningConfiguration" in bucket
        if versioned != any("NoncurrentVersionExpiration" in one for one in rules):
            yield f"{name}: old versions never expire"
        if versioned == (name == "ActivityBucket"):
            yield f"{name}: only output and artifacts must be versioned"
        expiring = {one.get("Prefix", "") for one in rules if "ExpirationInDays" in one}
        expected = {
            "ActivityBucket": {""},
            "OutputBucket": {"scores/", "invalid/", "responses/", "dry_runs/", "athena/"},
            "ArtifactsBucket": set(),
        }
        if expiring != expected[name]:
            yield f"{name}: expires {sorted(expiring)}"


def policies_are_specific(made: Deployed) -> Iterator[str]:
    """Policies name actions and resources, except for those listed above."""
    for name, one in made.resources.items():
        if one["Type"] not in _POLICIES or (made.name, name) == _GRANTS_NOTHING:
            continue
        for statement in statements(one):
            if statement["Effect"] != "Allow":
                continue
            said = (made.name, statement["Sid"])
            families = [action for action in statement.get("Action", ["*"]) if "*" in action]
            if families and (said not in FAMILIES or any(action.endswith((":*", "*:*")) for action in families)):
                yield f"{name}: {statement['Sid']} allows {families}"
            if "*" in statement.get("Resource", ["*"]) and said not in EVERYWHERE:
                yield f"{name}: {statement['Sid']} allows all resources"


def roles_have_the_boundary(made: Deployed) -> Iterator[str]:
    """Every role has the boundary that the parameter names; otherwise GitHub's role could not create it."""
    if "PermissionsBoundaryArn" in made.parameters:
        for name, role in made.of_type("AWS::IAM::Role").items():
            if role.get("PermissionsBoundary", "") != made.parameters["PermissionsBoundaryArn"]:
                yield f"{name}: has the boundary {role.get('PermissionsBoundary')}"


def no_secret_is_passed(made: Deployed) -> Iterator[str]:
    """A template takes the name or ARN of a secret, but never its value."""
    for name, one in made.template["Parameters"].items():
        if one.get("NoEcho") or re.search(r"(?i)(secret|token|password|credential)(?!(Arn|Id)$)", name):
            yield f"{name}: would contain a secret"
    if "{{resolve:" in json.dumps(made.template):
        yield "a dynamic reference reads a secret"


def only_http_retries(made: Deployed) -> Iterator[str]:
    """Glue and Spark never repeat a request: only the HTTP client knows whether that is safe."""
    once = {"spark.speculation=false", "spark.task.maxFailures=1", "spark.stage.maxConsecutiveAttempts=1"}
    for name, job in made.of_type("AWS::Glue::Job").items():
        if (job.get("MaxRetries"), job.get("ExecutionProperty")) != (0, {"MaxConcurrentRuns": 1}):
            yield f"{name}: Glue retries it or runs it in parallel"
        if not job.get("Timeout"):
            yield f"{name}: has Glue's default timeout of two days"
        if name == "PushJob" and not once <= set(job["DefaultArguments"]["--conf"].split(" --conf ")):
            yield f"{name}: Spark retries its tasks"
    for name, workflow in made.of_type("AWS::Glue::Workflow").items():
        if workflow.get("MaxConcurrentRuns") != 1:
            yield f"{name}: has parallel runs"


def everything_is_described(made: Deployed) -> Iterator[str]:
    """Parameters and outputs have descriptions of full sentences."""
    for section in ("Parameters", "Outputs"):
        for name, one in made.template[section].items():
            if not one.get("Description", "").endswith("."):
                yield f"{name}: has no description that ends with a period"


RULES = (
    data_is_encrypted,
    nothing_is_public,
    services_act_for_this_account,
    tls_is_required,
    lasting_data_is_retained,
    data_expires,
    policies_are_specific,
    roles_have_the_boundary,
    no_secret_is_passed,
    only_http_retries,
    everything_is_described,
)


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a role, policy or key, without the trust policy; actions and resources are lists."""
    properties = resource["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties[name] for name in ("PolicyDocument", "KeyPolicy") if name in properties]
    return [
        {**one, **{part: listed(one[part]) for part in ("Action", "Resource") if part in one}}
        for document in documents
        for one in (json.loads(document) if isinstance(document, str) else document)["Statement"]
    ]


def _trust(resource: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = resource["Properties"].get("AssumeRolePolicyDocument", {}).get("Statement", [])
    return found


def _principals(statement: dict[str, Any]) -> list[str]:
    principal = statement.get("Principal", {})
    return [principal] if isinstance(principal, str) else [one for said in principal.values() for one in listed(said)]
