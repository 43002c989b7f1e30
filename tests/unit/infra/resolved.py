"""Templates as CloudFormation would deploy them in a sample account: functions evaluated, resources with their ARNs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.infra.templates import INFRA, load

ACCOUNT, REGION = "123456789012", "us-east-1"  # those of the stand-ins
PREFIX = "engagement"
CRM_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{PREFIX}/crm-token-AbCdEf"
GIVEN = {
    "NamePrefix": PREFIX,
    "CrmSecretArn": CRM_SECRET,
    "ArtifactsBucketName": f"{PREFIX}-artifacts-{ACCOUNT}",
    "OrchestratorPolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/{PREFIX}-pipeline-OrchestratorPolicy-X",
    "KeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/Key",
    "PluginsKey": "releases/0/plugins.zip",
    "RequirementsKey": "releases/0/requirements.txt",
    "ActivityBucketName": f"{PREFIX}-activity-{ACCOUNT}",
    "OutputBucketName": f"{PREFIX}-output-{ACCOUNT}",
    "ScoreJobName": f"{PREFIX}-score-users",
    "PushJobName": f"{PREFIX}-push-scores",
    "NotificationTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-notifications",
    "BaseUrl": "https://crm.example.com",
    "CrmSecretId": f"{PREFIX}/crm-token",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/{PREFIX}-boundary",
    "RepositoryOwner": "owner",
    "RepositoryName": "name",
}
"""Parameters that have no default, and what the deployment fills in."""

EVERYTHING = {
    "pipeline": {
        "EncryptWithOwnKey": "true",
        "JobSubnetId": "subnet-1",
        "JobSecurityGroupId": "sg-1",
        "JobAvailabilityZone": f"{REGION}a",
    },
    "mwaa": {"EnvironmentKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/Key", "SecondNatGateway": "true"},
    "workflow": {},
}
"""Parameters of the templates that a deployment changes, so that all is made that can be."""

_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()
# type -> the property that names it, and its ARN after the partition
_NAMED = {
    "AWS::S3::Bucket": ("BucketName", "s3:::{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{region}:{account}:log-group:{name}:*"),
    "AWS::IAM::Role": ("RoleName", "iam::{account}:role/{name}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{account}:policy/{name}"),
    "AWS::Glue::Job": ("Name", "glue:{region}:{account}:job/{name}"),
    "AWS::Glue::Workflow": ("Name", "glue:{region}:{account}:workflow/{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:{region}:{account}:{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:{region}:{account}:{name}"),
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


@dataclass
class Resolved:
    """A template with values for its parameters.

    :param name: `pipeline` for `infra/pipeline.yaml`
    """

    name: str
    given: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.template: dict[str, Any] = load(INFRA / f"{self.name}.yaml").document
        defaults = {name: one.get("Default") for name, one in self.template["Parameters"].items()}
        self.parameters = {name: {**GIVEN, **self.given}.get(name, default) for name, default in defaults.items()}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Resources that are made: type and properties, everything evaluated."""
        made = {name: one for name, one in self.template["Resources"].items() if self._holds(one.get("Condition"))}
        return {name: {**one, "Properties": self.evaluate(one.get("Properties", {}))} for name, one in made.items()}

    @property
    def outputs(self) -> dict[str, Any]:
        """Outputs by name."""
        return {name: self.evaluate(one["Value"]) for name, one in self.template.get("Outputs", {}).items()}

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of the resources of a type."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}

    def arn(self, logical: str) -> str:
        """ARN of a resource."""
        pattern = _NAMED[self.template["Resources"][logical]["Type"]][1]
        named = pattern.format(region=REGION, account=ACCOUNT, name=self._name(logical), logical=logical)
        return f"arn:aws:{named}"

    def evaluate(self, piece: Any) -> Any:
        """A piece of the template with every function in it evaluated; what is left out is left out."""
        if isinstance(piece, list):
            return [value for item in piece if (value := self.evaluate(item)) is not _NOTHING]
        if not isinstance(piece, dict):
            return piece
        if len(piece) == 1:
            ((function, argument),) = piece.items()
            if function in ("Ref", "Condition") and isinstance(argument, str):
                return self._ref(argument) if function == "Ref" else self._holds(argument)
            if function.startswith("Fn::"):
                return self._call(function.removeprefix("Fn::"), argument)
        pairs = ((name, self.evaluate(value)) for name, value in piece.items())
        return {name: value for name, value in pairs if value is not _NOTHING}

    def _call(self, function: str, argument: Any) -> Any:
        if function == "If":
            return self.evaluate(argument[1 if self._holds(argument[0]) else 2])
        if function == "Sub":
            text, own = (argument, {}) if isinstance(argument, str) else argument
            return re.sub(r"\$\{([^}]+)\}", lambda match: self._substitute(match[1], own), text)
        if function == "GetAtt":
            logical, _, attribute = argument.partition(".")
            return self.arn(logical) if attribute == "Arn" else f"{logical}.{attribute}"
        if function == "GetAZs":
            return [f"{REGION}a", f"{REGION}b"]
        evaluated = self.evaluate(argument)
        simple: dict[str, Callable[[], Any]] = {
            "Join": lambda: evaluated[0].join(map(str, evaluated[1])),
            "Split": lambda: evaluated[1].split(evaluated[0]),
            "Select": lambda: evaluated[1][int(evaluated[0])],
            "Equals": lambda: str(evaluated[0]) == str(evaluated[1]),
            "And": lambda: all(evaluated),
            "Or": lambda: any(evaluated),
            "Not": lambda: not evaluated[0],
            "ImportValue": lambda: evaluated,
        }
        return simple[function]()

    def _substitute(self, name: str, own: Mapping[str, Any]) -> str:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"
        if name in own:
            return str(self.evaluate(own[name]))
        return str(self._call("GetAtt", name) if "." in name else self._ref(name))

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name == "AWS::StackName":
            return f"{self.parameters['NamePrefix']}-{self.name}"
        if name in _PSEUDO or name in self.parameters:
            return _PSEUDO.get(name, self.parameters.get(name))
        return self.arn(name) if self.template["Resources"][name]["Type"] in _REF_IS_ARN else self._name(name)

    def _name(self, logical: str) -> str:
        resource = self.template["Resources"][logical]
        named = resource.get("Properties", {})
        for part in _NAMED.get(resource["Type"], ("Name",))[0].split("."):
            named = named.get(part, {})
        # As CloudFormation names what has no name.
        return str(self.evaluate(named)) if named else f"{self._ref('AWS::StackName')}-{logical}-X"

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self.evaluate(self.template["Conditions"][condition]))
