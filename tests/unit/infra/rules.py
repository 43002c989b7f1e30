"""Rules that every template obeys in every variant. A rule yields what breaks it; see `test_rules.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.unit.infra.deployed import Deployed
from tests.unit.infra.policies import listed

# Deleting one of these would delete what cannot be made again.
_KEPT = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::SQS::Queue", "AWS::DynamoDB::Table")
_POLICIES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_KMS_FAMILY = "one right, of keys whose ARN and use are bound"
# (template, statement) -> why it may name a family of actions
FAMILIES = {
    ("mwaa", "ReadReleases"): "MWAA documents them so, on the artifacts bucket alone",
    ("mwaa", "UseEnvironmentKey"): _KMS_FAMILY,
    ("mwaa", "UseQueueKey"): _KMS_FAMILY,
    ("pipeline", "UseTopicAndDataKey"): _KMS_FAMILY,
    ("github", "ManageBuckets"): "CloudFormation reads every setting of a bucket; none of them is an object",
}
_NO_ARN = "its actions have no resource types"
# (template, statement) -> why it may name every resource
EVERYWHERE = {
    ("pipeline", "PutMetrics"): "a metric has no ARN; the namespace is bound",
    ("pipeline", "DescribeNetwork"): _NO_ARN,
    ("mwaa", "CheckPublicAccessBlock"): _NO_ARN,
    ("mwaa", "DescribeLogGroups"): _NO_ARN,
    ("mwaa", "WriteMetrics"): "MWAA documents it so",
    ("mwaa", "UseQueueKey"): "the queue's key is in an account of MWAA's",
    ("github", "CreateKey"): "a new key has no ARN yet",
    ("github", "ManageLogResourcePolicies"): _NO_ARN,
    ("github", "ReadAlarms"): _NO_ARN,
    ("github", "DescribeNetworks"): _NO_ARN,
}
# Statements of the boundary bound what roles may be given; they grant nothing.
_GRANTS_NOTHING = ("github", "Boundary")


def data_is_encrypted(made: Deployed) -> Iterator[str]:
    """Everything at rest is encrypted, under the customer's key where there is one."""
    own = made.resolver.resolve({"Fn::GetAtt": ["Key", "Arn"]}) if made.name == "pipeline" else None
    key = own if made.parameters.get("EncryptWithOwnKey") == "true" else None
    for name, bucket in made.of_type("AWS::S3::Bucket").items():
        found = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [{}])
        default = found[0].get("ServerSideEncryptionByDefault", {})
        if (default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")) != ("aws:kms", key):
            yield f"{name}: encrypted by {default}"
    for name, topic in made.of_type("AWS::SNS::Topic").items():
        # Neither alarms nor EventBridge can publish to a topic under the key that AWS manages.
        if topic.get("KmsMasterKeyId") != own:
            yield f"{name}: not encrypted under the stack's key"
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
            yield f"{name}: results of queries encrypted by {result}"
    for name, one in made.of_type("AWS::MWAA::Environment").items():
        if one.get("KmsKey") != (made.parameters["EnvironmentKeyArn"] or None):
            yield f"{name}: encrypted under {one.get('KmsKey')}"


def nothing_is_public(made: Deployed) -> Iterator[str]:
    """No bucket, policy, trust or security group lets in what is outside of the account."""
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
            yield f"{name}: lets in addresses"


def services_act_for_this_account(made: Deployed) -> Iterator[str]:
    """A role that a service of AWS takes is bound to this account; Glue has no such condition."""
    for name, role in made.of_type("AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            bound = statement.get("Condition", {}).get("StringEquals", {})
            if statement["Principal"] != {"Service": "glue.amazonaws.com"} and not bound:
                yield f"{name}: {statement['Principal']} may take it for any account"


def clear_text_is_refused(made: Deployed) -> Iterator[str]:
    """Buckets and topics deny every request that comes without TLS."""
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
            yield f"{name}: takes requests without TLS"
    for name in made.of_type("AWS::SNS::Topic"):
        if guarded.get(made.ref(name)) != (["sns:Publish"], [made.arn(name)]):
            yield f"{name}: takes messages without TLS"


def what_is_lost_for_good_is_kept(made: Deployed) -> Iterator[str]:
    """What cannot be made again outlives its stack; of log groups it is said what happens."""
    for name, one in made.resources.items():
        ends = (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy"))
        if one["Type"] in _KEPT and ends != ("Retain", "Retain"):
            yield f"{name}: goes with the stack"
        if one["Type"] == "AWS::Logs::LogGroup" and ends not in (("Delete", "Delete"), ("Retain", "Retain")):
            yield f"{name}: does not say whether it goes with the stack"


def data_has_an_end(made: Deployed) -> Iterator[str]:
    """Logs, uploads and old versions expire. What was delivered last and the code in use never do."""
    for name, group in made.of_type("AWS::Logs::LogGroup").items():
        if not group.get("RetentionInDays"):
            yield f"{name}: its logs are kept for ever"
    for name, bucket in made.of_type("AWS::S3::Bucket").items():
        rules = [one for one in bucket["LifecycleConfiguration"]["Rules"] if one["Status"] == "Enabled"]
        if not any("AbortIncompleteMultipartUpload" in one and "Prefix" not in one for one in rules):
            yield f"{name}: incomplete uploads are kept for ever"
        versioned = "VersioningConfiguration" in bucket
        if versioned != any("NoncurrentVersionExpiration" in one for one in rules):
            yield f"{name}: old versions are kept for ever"
        if versioned == (name == "ActivityBucket"):
            yield f"{name}: output and code are versioned, the extract is not"
        expiring = {one.get("Prefix", "") for one in rules if "ExpirationInDays" in one}
        wanted = {
            "ActivityBucket": {""},
            "OutputBucket": {"scores/", "invalid/", "responses/", "dry_runs/", "athena/"},
            "ArtifactsBucket": set(),
        }
        if expiring != wanted[name]:
            yield f"{name}: expires {sorted(expiring)}"


def policies_allow_little(made: Deployed) -> Iterator[str]:
    """Policies name actions and resources, but for the exceptions above."""
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
                yield f"{name}: {statement['Sid']} allows it everywhere"


def roles_are_bound(made: Deployed) -> Iterator[str]:
    """Every role has the boundary if one is given: with another, CloudFormation's role may not make it."""
    if "PermissionsBoundaryArn" in made.parameters:
        for name, role in made.of_type("AWS::IAM::Role").items():
            if role.get("PermissionsBoundary", "") != made.parameters["PermissionsBoundaryArn"]:
                yield f"{name}: has the boundary {role.get('PermissionsBoundary')}"


def secrets_are_named_only(made: Deployed) -> Iterator[str]:
    """A template gets the name or ARN of a secret, never the secret, and looks none up."""
    for name, one in made.template["Parameters"].items():
        if one.get("NoEcho") or re.search(r"(?i)(secret|token|password|credential)(?!(Arn|Id)$)", name):
            yield f"{name}: would carry a secret"
    if "{{resolve:" in json.dumps(made.template):
        yield "a secret is looked up"


def only_http_retries(made: Deployed) -> Iterator[str]:
    """Neither Glue nor Spark sends a record again: only the HTTP client knows whether that is safe."""
    once = {"spark.speculation=false", "spark.task.maxFailures=1", "spark.stage.maxConsecutiveAttempts=1"}
    for name, job in made.of_type("AWS::Glue::Job").items():
        if (job.get("MaxRetries"), job.get("ExecutionProperty")) != (0, {"MaxConcurrentRuns": 1}):
            yield f"{name}: Glue runs it again or twice at once"
        if not job.get("Timeout"):
            yield f"{name}: runs for two days before Glue ends it"
        if name == "PushJob" and not once <= set(job["DefaultArguments"]["--conf"].split(" --conf ")):
            yield f"{name}: Spark runs its tasks again"
    for name, workflow in made.of_type("AWS::Glue::Workflow").items():
        if workflow.get("MaxConcurrentRuns") != 1:
            yield f"{name}: runs twice at once"


def everything_is_described(made: Deployed) -> Iterator[str]:
    """Parameters and outputs are described in sentences."""
    for section in ("Parameters", "Outputs"):
        for name, one in made.template[section].items():
            if not one.get("Description", "").endswith("."):
                yield f"{name}: is not described"


RULES = (
    data_is_encrypted,
    nothing_is_public,
    services_act_for_this_account,
    clear_text_is_refused,
    what_is_lost_for_good_is_kept,
    data_has_an_end,
    policies_allow_little,
    roles_are_bound,
    secrets_are_named_only,
    only_http_retries,
    everything_is_described,
)


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a role, policy or key, without the trust; actions and resources as lists."""
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
