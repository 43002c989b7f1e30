"""What CloudFormation may do for a deployment from GitHub: manage the templates' resources, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.infra.actors import FORMATION, actor
from tests.unit.infra.deployed import ACCOUNT, BOUNDARY, KEY, PREFIX, REGION, Deployed, deployed
from tests.unit.infra.names import ARTIFACTS, JOBS, OUTPUT, VARIABLE, object_arn
from tests.unit.infra.policies import Request, listed
from tests.unit.infra.resource_schemas import schema

FORMATION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-github-cloudformation"
IN_BOUNDARY = {"iam:PermissionsBoundary": BOUNDARY}

# The actions of CloudFormation on each resource type in the templates. Actions that delete data, keys or history are
# missing on purpose.
ACTIONS = {
    "AWS::Athena::NamedQuery": "athena:CreateNamedQuery GetNamedQuery DeleteNamedQuery",
    "AWS::Athena::WorkGroup": "athena:CreateWorkGroup GetWorkGroup UpdateWorkGroup DeleteWorkGroup TagResource",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm DeleteAlarms TagResource",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard GetDashboard DeleteDashboards",
    "AWS::Events::Rule": "events:PutRule DescribeRule PutTargets RemoveTargets DeleteRule TagResource",
    "AWS::Glue::Connection": "glue:CreateConnection GetConnection UpdateConnection DeleteConnection",
    "AWS::Glue::Database": "glue:CreateDatabase GetDatabase UpdateDatabase DeleteDatabase",
    "AWS::Glue::Job": "glue:CreateJob GetJob UpdateJob DeleteJob TagResource",
    "AWS::Glue::Table": "glue:CreateTable GetTable UpdateTable DeleteTable",
    "AWS::Glue::Trigger": "glue:CreateTrigger GetTrigger UpdateTrigger DeleteTrigger TagResource",
    "AWS::Glue::Workflow": "glue:CreateWorkflow GetWorkflow UpdateWorkflow DeleteWorkflow TagResource",
    "AWS::IAM::ManagedPolicy": "iam:CreatePolicy CreatePolicyVersion DeletePolicyVersion GetPolicy DeletePolicy",
    "AWS::IAM::Policy": "iam:PutRolePolicy GetRolePolicy DeleteRolePolicy",
    "AWS::IAM::Role": "iam:CreateRole GetRole PutRolePolicy UpdateAssumeRolePolicy DeleteRolePolicy TagRole DeleteRole",
    "AWS::KMS::Alias": "kms:CreateAlias DeleteAlias",
    "AWS::KMS::Key": "kms:CreateKey DescribeKey EnableKeyRotation GetKeyPolicy PutKeyPolicy TagResource",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup PutRetentionPolicy AssociateKmsKey TagResource DeleteLogGroup",
    "AWS::Logs::ResourcePolicy": "logs:PutResourcePolicy DescribeResourcePolicies DeleteResourcePolicy",
    "AWS::MWAA::Environment": "airflow:CreateEnvironment GetEnvironment UpdateEnvironment TagResource",
    "AWS::S3::Bucket": (
        "s3:CreateBucket PutEncryptionConfiguration PutLifecycleConfiguration PutBucketPublicAccessBlock "
        "PutBucketOwnershipControls PutBucketVersioning PutBucketTagging GetBucketVersioning GetEncryptionConfiguration"
    ),
    "AWS::S3::BucketPolicy": "s3:PutBucketPolicy GetBucketPolicy DeleteBucketPolicy",
    "AWS::SNS::Topic": "sns:CreateTopic GetTopicAttributes SetTopicAttributes TagResource DeleteTopic",
    "AWS::SNS::TopicPolicy": "sns:SetTopicAttributes",
    "AWS::Scheduler::Schedule": "scheduler:CreateSchedule GetSchedule UpdateSchedule DeleteSchedule",
    # Identified by a name tag.
    "AWS::EC2::EIP": "ec2:AllocateAddress ReleaseAddress",
    "AWS::EC2::InternetGateway": "ec2:CreateInternetGateway CreateTags DeleteInternetGateway",
    "AWS::EC2::NatGateway": "ec2:CreateNatGateway CreateTags DeleteNatGateway",
    "AWS::EC2::Route": "ec2:CreateRoute ReplaceRoute DeleteRoute",
    "AWS::EC2::RouteTable": "ec2:CreateRouteTable DeleteRouteTable",
    "AWS::EC2::SecurityGroup": "ec2:CreateSecurityGroup AuthorizeSecurityGroupEgress RevokeSecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress": "ec2:AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress",
    "AWS::EC2::Subnet": "ec2:CreateSubnet DeleteSubnet ModifySubnetAttribute",
    "AWS::EC2::SubnetRouteTableAssociation": "ec2:AssociateRouteTable DisassociateRouteTable",
    "AWS::EC2::VPC": "ec2:CreateVpc ModifyVpcAttribute DeleteVpc",
    "AWS::EC2::VPCEndpoint": "ec2:CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints",
    "AWS::EC2::VPCGatewayAttachment": "ec2:AttachInternetGateway DetachInternetGateway",
}


def resources() -> Iterator[tuple[str, str, str]]:
    """Yield type, name and ARN of every resource that the three templates can create."""
    for template in ("pipeline", "mwaa", "workflow"):
        made = deployed(template, "everything")
        for logical, one in made.resources.items():
            yield one["Type"], f"{template}.{logical}", _arn(made, logical)


def _arn(made: Deployed, logical: str) -> str:
    """Return the ARN that IAM evaluates; some resources are parts of another one."""
    kind, properties = made.resources[logical]["Type"], made.properties(logical)
    match kind:
        case "AWS::Athena::NamedQuery":
            return f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{properties['WorkGroup']}"
        case "AWS::Glue::Table":
            table = f"{properties['DatabaseName']}/{properties['TableInput']['Name']}"
            return f"arn:aws:glue:{REGION}:{ACCOUNT}:table/{table}"
        case "AWS::IAM::Policy":
            return f"arn:aws:iam::{ACCOUNT}:role/{properties['Roles'][0]}"
        case "AWS::KMS::Alias":
            return f"arn:aws:kms:{REGION}:{ACCOUNT}:{properties['AliasName']}"
        case "AWS::Logs::ResourcePolicy":
            return "*"
        case "AWS::S3::BucketPolicy":
            return f"arn:aws:s3:::{properties['Bucket']}"
        case "AWS::SNS::TopicPolicy":
            return str(properties["Topics"][0])
    # Networks are identified by a name tag, not by their ARN.
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:thing/1" if kind.startswith("AWS::EC2::") else made.arn(logical)


def test_cloudformation_can_manage_all_resources() -> None:
    context = {**IN_BOUNDARY, "kms:ResourceAliases": [f"alias/{PREFIX}"], "aws:ResourceTag/Name": f"{PREFIX}-mwaa-x"}
    refused, kinds = [], set()
    for kind, name, arn in resources():
        kinds.add(kind)
        service, _, actions = ACTIONS[kind].partition(":")
        requests = [Request(f"{service}:{action}", arn, context) for action in actions.split()]
        refused += [f"{name}: {one.action} {arn}" for one in requests if not actor(FORMATION).may(one)]
    assert refused == []
    assert kinds == set(ACTIONS)


@pytest.mark.parametrize("kind", ACTIONS)
def test_the_actions_are_those_in_the_resource_schemas(kind: str) -> None:
    handlers = schema(kind)["handlers"]
    documented = {action for handler in handlers.values() for action in handler["permissions"]}
    service, _, actions = ACTIONS[kind].partition(":")
    assert {f"{service}:{action}" for action in actions.split()} - documented <= {"ec2:CreateTags"}


@pytest.mark.parametrize(
    ("template", "passed_to"), [("pipeline", "glue"), ("mwaa", "airflow"), ("workflow", "scheduler")]
)
def test_roles_can_be_passed_to_their_services(template: str, passed_to: str) -> None:
    made = deployed(template)
    for logical, role in made.of_type("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert f"{passed_to}.amazonaws.com" in listed(statement["Principal"]["Service"])
        context = {"iam:PassedToService": f"{passed_to}.amazonaws.com"}
        assert actor(FORMATION).may(Request("iam:PassRole", made.arn(logical), context))


ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-pipeline-PushRole-X"
ADMINISTRATOR = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}


@pytest.mark.parametrize(
    "request_",
    [
        Request("iam:CreateRole", ROLE),
        Request("iam:CreateRole", ROLE, {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/other"}),
        Request("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin", IN_BOUNDARY),
        Request("iam:PutRolePolicy", ROLE),
        Request("iam:AttachRolePolicy", ROLE, {**IN_BOUNDARY, **ADMINISTRATOR}),
        Request("iam:DeleteRolePermissionsBoundary", ROLE, IN_BOUNDARY),
        Request("iam:CreatePolicyVersion", BOUNDARY),
        Request("iam:PutRolePolicy", FORMATION_ROLE, IN_BOUNDARY),
        Request("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-github-deploy"),
        Request("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        Request("iam:PassRole", FORMATION_ROLE, {"iam:PassedToService": "glue.amazonaws.com"}),
        Request("s3:GetObject", object_arn(OUTPUT, "scores/a.csv")),
        Request("s3:PutObject", object_arn(ARTIFACTS, "dags/a.py")),
        Request("s3:DeleteBucket", f"arn:aws:s3:::{OUTPUT}"),
        Request("secretsmanager:GetSecretValue", VARIABLE),
        Request("glue:StartJobRun", JOBS[f"{PREFIX}-push-scores"]),
        Request("glue:DeleteDatabase", f"arn:aws:glue:{REGION}:{ACCOUNT}:database/payroll"),
        Request("kms:Decrypt", KEY),
        Request("kms:UpdateAlias", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/{PREFIX}"),
        Request("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:payroll:*"),
        Request("ec2:DeleteVpc", f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/1", {"aws:ResourceTag/Name": "payroll"}),
        Request("ec2:CreateRoute", f"arn:aws:ec2:{REGION}:{ACCOUNT}:route-table/1"),
        Request("ec2:CreateTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/1", {"aws:ResourceTag/Name": "payroll"}),
        Request("ec2:RunInstances", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"),
    ],
    ids=lambda one: f"{one.action} {one.resource.rpartition(':')[2]} {list(one.context.values())}",
)
def test_cloudformation_cannot(request_: Request) -> None:
    assert not actor(FORMATION).may(request_)
