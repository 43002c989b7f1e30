"""What CloudFormation may do for a deployment from GitHub: keep the templates' resources, and become nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.aws.cloudformation.resource_schemas import schema
from tests.unit.infra.actors import FORMATION, actor, template_of
from tests.unit.infra.permissions import ARTIFACTS, JOBS, KEY, OUTPUT, VARIABLE, object_arn
from tests.unit.infra.policies import Request, listed
from tests.unit.infra.resolved import ACCOUNT, EVERYTHING, PREFIX, REGION, Resolved

FORMATION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-github-cloudformation"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/{PREFIX}-boundary"
IN_BOUNDARY = {"iam:PermissionsBoundary": BOUNDARY}

# What CloudFormation does to a resource of each type that the templates have, on its ARN. What is missing: deleting
# what holds data, keys or history.
KEEPS = {
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
    # Named by a tag.
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
    """Type, name and ARN of every resource that the three templates can have."""
    for template in EVERYTHING:
        resolved = Resolved(template, EVERYTHING[template])
        for logical, one in resolved.resources.items():
            yield one["Type"], f"{template}.{logical}", _arn(resolved, logical, one)


def _arn(resolved: Resolved, logical: str, resource: dict[str, Any]) -> str:
    kind, properties = resource["Type"], resource["Properties"]
    if kind.startswith("AWS::EC2::"):
        return f"arn:aws:ec2:{REGION}:{ACCOUNT}:thing/1"
    of_another: dict[str, Callable[[], str]] = {
        "AWS::Athena::NamedQuery": lambda: f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{properties['WorkGroup']}",
        "AWS::Glue::Table": lambda: (
            f"arn:aws:glue:{REGION}:{ACCOUNT}:table/{properties['DatabaseName']}/{properties['TableInput']['Name']}"
        ),
        "AWS::IAM::Policy": lambda: f"arn:aws:iam::{ACCOUNT}:role/{properties['Roles'][0]}",
        "AWS::KMS::Alias": lambda: f"arn:aws:kms:{REGION}:{ACCOUNT}:{properties['AliasName']}",
        "AWS::Logs::ResourcePolicy": lambda: "*",
        "AWS::S3::BucketPolicy": lambda: f"arn:aws:s3:::{properties['Bucket']}",
        "AWS::SNS::TopicPolicy": lambda: str(properties["Topics"][0]),
    }
    return of_another[kind]() if kind in of_another else resolved.arn(logical)


def test_cloudformation_can_keep_every_resource_of_the_templates() -> None:
    context = {**IN_BOUNDARY, "kms:ResourceAliases": [f"alias/{PREFIX}"], "aws:ResourceTag/Name": f"{PREFIX}-mwaa-x"}
    refused, kinds = [], set()
    for kind, name, arn in resources():
        kinds.add(kind)
        service, _, actions = KEEPS[kind].partition(":")
        asked = [Request(f"{service}:{action}", arn, context) for action in actions.split()]
        refused += [f"{name}: {one.action} {arn}" for one in asked if not actor(FORMATION).may(one)]
    assert refused == []
    assert kinds == set(KEEPS)


@pytest.mark.parametrize("kind", KEEPS)
def test_those_are_actions_that_cloudformation_says_it_takes(kind: str) -> None:
    handlers = (schema(kind) or {})["handlers"]
    said = {action for handler in handlers.values() for action in handler["permissions"]}
    service, _, actions = KEEPS[kind].partition(":")
    assert {f"{service}:{action}" for action in actions.split()} - said <= {"ec2:CreateTags"}


@pytest.mark.parametrize(
    ("template", "passed_to"), [("pipeline", "glue"), ("mwaa", "airflow"), ("workflow", "scheduler")]
)
def test_roles_can_be_passed_to_the_services_that_take_them(template: str, passed_to: str) -> None:
    resolved = template_of(template)
    for logical, role in resolved.of_type("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert f"{passed_to}.amazonaws.com" in listed(statement["Principal"]["Service"])
        context = {"iam:PassedToService": f"{passed_to}.amazonaws.com"}
        assert actor(FORMATION).may(Request("iam:PassRole", resolved.arn(logical), context))


@pytest.mark.parametrize("template", EVERYTHING)
def test_every_role_takes_the_boundary(template: str) -> None:
    """For those without it CloudFormation may not make."""
    roles = Resolved(template, {"PermissionsBoundaryArn": BOUNDARY}).of_type("AWS::IAM::Role")
    assert roles
    assert {role.get("PermissionsBoundary") for role in roles.values()} == {BOUNDARY}


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
def test_cloudformation_may_not(request_: Request) -> None:
    assert not actor(FORMATION).may(request_)


def test_only_cloudformation_takes_its_role() -> None:
    role = template_of("github").resources["CloudFormationRole"]["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    ]
