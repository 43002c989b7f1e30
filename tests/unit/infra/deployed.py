"""Templates as deployed in a sample account: functions are resolved, and resources have ARNs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from infra.intrinsics import Resolver, parameter_values, parse

INFRA = Path(__file__).resolve().parents[3] / "infra"
ACCOUNT, REGION = "123456789012", "us-east-1"  # those of the emulators
PREFIX = "engagement"
IAM = f"arn:aws:iam::{ACCOUNT}"
BOUNDARY = f"{IAM}:policy/{PREFIX}-boundary"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/Key"
CRM_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{PREFIX}/crm-token-AbCdEf"
GIVEN = {
    "NamePrefix": PREFIX,
    "CrmSecretArn": CRM_SECRET,
    "ArtifactsBucketName": f"{PREFIX}-artifacts-{ACCOUNT}",
    "OrchestratorPolicyArn": f"{IAM}:policy/{PREFIX}-pipeline-OrchestratorPolicy-X",
    "KeyArn": KEY,
    "PluginsKey": "releases/0/plugins.zip",
    "RequirementsKey": "releases/0/requirements.txt",
    "ActivityBucketName": f"{PREFIX}-activity-{ACCOUNT}",
    "OutputBucketName": f"{PREFIX}-output-{ACCOUNT}",
    "ScoreJobName": f"{PREFIX}-score-users",
    "PushJobName": f"{PREFIX}-push-scores",
    "NotificationTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-notifications",
    "BaseUrl": "https://crm.example.com",
    "CrmSecretId": f"{PREFIX}/crm-token",
    "RepositoryOwner": "owner",
    "RepositoryName": "name",
}
"""Parameters without a default, and those that the deploy tool sets."""

VARIANTS: dict[str, dict[str, dict[str, str]]] = {
    "pipeline": {
        "default": {},
        "everything": {
            "EncryptWithOwnKey": "true",
            "JobSubnetId": "subnet-1",
            "JobSecurityGroupId": "sg-1",
            "JobAvailabilityZone": f"{REGION}a",
            "PermissionsBoundaryArn": BOUNDARY,
        },
        "unwatched": {"LateAfterHours": "0"},
    },
    "mwaa": {
        "default": {},
        "everything": {
            "EnvironmentKeyArn": KEY,
            "SecondNatGateway": "true",
            "EnvironmentClass": "mw1.small",
            "MaxWorkers": "5",
            "RegionName": REGION,
            "PermissionsBoundaryArn": BOUNDARY,
        },
        "given-network": {"ExistingNetwork": "subnet-0a,subnet-0b,sg-0c", "SecondNatGateway": "true", "KeyArn": ""},
    },
    "workflow": {
        "default": {},
        "everything": {"PermissionsBoundaryArn": BOUNDARY},
        "unwatched": {"LateAfterHours": "0", "KeyArn": ""},
    },
    "github": {
        "default": {},
        "numbered": {
            "RepositoryOwnerId": "12",
            "RepositoryId": "34",
            "DeployEnvironment": "staging",
            "Branch": "release/1",
        },
        "given-provider": {
            "ExistingProviderArn": "arn:aws:iam::999999999999:oidc-provider/token.actions.githubusercontent.com",
            "Subject": "repository_id:34:environment:production",
        },
    },
}
"""Template -> variant -> parameters. Together, the variants cover both branches of every condition."""

_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
# type -> the property with its name, and its ARN after the partition
_NAMED = {
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{region}:{account}:log-group:{name}:*"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{account}:policy/{name}"),
    "AWS::Glue::Job": ("Name", "glue:{region}:{account}:job/{name}"),
    "AWS::Glue::Workflow": ("Name", "glue:{region}:{account}:workflow/{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{region}:{account}:{name}"),
    "AWS::KMS::Key": ("", "kms:{region}:{account}:key/{logical}"),
    "AWS::Events::Rule": ("Name", "events:{region}:{account}:rule/{name}"),
    "AWS::Scheduler::Schedule": ("Name", "scheduler:{region}:{account}:schedule/default/{name}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::CloudWatch::Dashboard": ("DashboardName", "cloudwatch::{account}:dashboard/{name}"),
    "AWS::Athena::WorkGroup": ("Name", "athena:{region}:{account}:workgroup/{name}"),
    "AWS::Glue::Trigger": ("Name", "glue:{region}:{account}:trigger/{name}"),
    "AWS::Glue::Database": ("DatabaseInput.Name", "glue:{region}:{account}:database/{name}"),
    "AWS::Glue::Connection": ("ConnectionInput.Name", "glue:{region}:{account}:connection/{name}"),
    "AWS::MWAA::Environment": ("Name", "airflow:{region}:{account}:environment/{name}"),
    "AWS::IAM::OIDCProvider": ("", "iam::{account}:oidc-provider/token.actions.githubusercontent.com"),
}
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::IAM::ManagedPolicy", "AWS::IAM::OIDCProvider")


@cache
def template(name: str) -> dict[str, Any]:
    """Return the template `infra/<name>.yaml`, cached."""
    return parse((INFRA / f"{name}.yaml").read_text(encoding="utf-8"))


class Deployed:
    """A template that is deployed with the sample parameters.

    The attribute `resources` contains the created resources by logical name, `outputs` the values of the outputs.

    :param name: `pipeline` for `infra/pipeline.yaml`
    :param given: values of parameters, which override `GIVEN` and the defaults
    """

    def __init__(self, name: str, **given: str) -> None:
        self.name = name
        self.template = template(name)
        self.parameters = parameter_values(self.template, {**GIVEN, **given})
        pseudo = {**_PSEUDO, "AWS::StackName": f"{self.parameters['NamePrefix']}-{name}"}
        self.resolver = Resolver(self.template, {**pseudo, **self.parameters}, self.ref, self._attribute)
        self.resources: dict[str, dict[str, Any]] = {
            logical: {"Type": one["Type"], "Properties": {}, **self.resolver.resolve(one)}
            for logical, one in self.template["Resources"].items()
            if self.resolver.holds(one.get("Condition"))
        }
        self.outputs: dict[str, Any] = {
            output: self.resolver.resolve(one["Value"]) for output, one in self.template["Outputs"].items()
        }

    def properties(self, logical: str) -> Any:
        """Return the properties of a resource."""
        return self.resources[logical]["Properties"]

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the properties of all resources of a type, by logical name."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}

    def arn(self, logical: str) -> str:
        """Return the ARN of a resource."""
        pattern = _NAMED[self.template["Resources"][logical]["Type"]][1]
        named = pattern.format(region=REGION, account=ACCOUNT, name=self._physical_name(logical), logical=logical)
        return f"arn:aws:{named}"

    def ref(self, logical: str) -> str:
        """Return the value of Ref for a resource."""
        by_arn = self.template["Resources"][logical]["Type"] in _REF_IS_ARN
        return self.arn(logical) if by_arn else self._physical_name(logical)

    def _attribute(self, logical: str, attribute: str) -> str:
        return self.arn(logical) if attribute == "Arn" else f"{logical}.{attribute}"

    def _physical_name(self, logical: str) -> str:
        resource = self.template["Resources"][logical]
        named = resource.get("Properties", {})
        for part in _NAMED.get(resource["Type"], ("Name", ""))[0].split("."):
            named = named.get(part, {})
        # CloudFormation generates a name for a resource without one.
        return (
            str(self.resolver.resolve(named)) if named else f"{self.parameters['NamePrefix']}-{self.name}-{logical}-X"
        )


@cache
def deployed(name: str, variant: str = "default") -> Deployed:
    """Return a template in one of its `VARIANTS`, cached; do not modify it."""
    return Deployed(name, **VARIANTS[name][variant])
