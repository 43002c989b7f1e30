"""The resource types that the emulator creates, by the APIs of its own services.

A stack only records resources of other types (roles, keys, alarms, networks), because nothing uses them here.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local.aws_emulator.mwaa.mwaa_environment import MwaaEnvironment
from local.s3_emulator import ACCESS_KEY, REGION, SECRET_KEY

Properties = Mapping[str, Any]
_NUMBERS_OF_JOB = ("MaxRetries", "NumberOfWorkers", "Timeout")


@dataclass
class Services:
    """Creates, updates and deletes resources in the services at these URLs."""

    s3_url: str
    aws_url: str

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.s3_url if service == "s3" else self.aws_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
        )

    def put(self, kind: str, name: str, properties: Properties, *, is_new: bool) -> None:
        """Create or update a resource.

        :param kind: resource type, such as AWS::S3::Bucket
        :param name: physical id
        :raises ClientError: when its service refuses
        """
        if kind in _PUT:
            _PUT[kind](self, name, properties, is_new)

    def remove(self, kind: str, name: str) -> None:
        """Delete a resource. As in CloudFormation, it remains if its service refuses."""
        if kind in _REMOVE:
            with contextlib.suppress(ClientError):
                _REMOVE[kind](self, name)


def _put_bucket(services: Services, name: str, properties: Properties, is_new: bool) -> None:  # noqa: ARG001
    if is_new:
        # It exists if the folder has outlived the emulator; then keep it.
        with contextlib.suppress(ClientError):
            services.client("s3").create_bucket(Bucket=name)


def _put_log_group(services: Services, name: str, properties: Properties, is_new: bool) -> None:
    logs = services.client("logs")
    if is_new:
        logs.create_log_group(logGroupName=name)
    if "RetentionInDays" in properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))


def _put_job(services: Services, name: str, properties: Properties, is_new: bool) -> None:
    numbers = {key: int(properties[key]) for key in _NUMBERS_OF_JOB if key in properties}
    settings = {key: value for key, value in properties.items() if key != "Name"} | numbers
    glue = services.client("glue")
    if is_new:
        glue.create_job(Name=name, **settings)
    else:
        glue.update_job(JobName=name, JobUpdate=settings)


def _put_workflow(services: Services, name: str, properties: Properties, is_new: bool) -> None:
    glue = services.client("glue")
    settings = {key: value for key, value in properties.items() if key != "Name"}
    if is_new:
        glue.create_workflow(Name=name, **settings)
    else:
        glue.update_workflow(Name=name, **settings)


def _put_trigger(services: Services, name: str, properties: Properties, is_new: bool) -> None:
    glue = services.client("glue")
    if not is_new:
        glue.delete_trigger(Name=name)
    settings = {**properties, "Name": name}
    if "Predicate" in settings:
        settings["Predicate"] = {"Logical": "AND", **settings["Predicate"]}  # Glue's default, which moto lacks
    glue.create_trigger(**settings)


def _put_topic(services: Services, name: str, properties: Properties, is_new: bool) -> None:  # noqa: ARG001
    services.client("sns").create_topic(Name=properties["TopicName"])


def _put_environment(services: Services, name: str, properties: Properties, is_new: bool) -> None:  # noqa: ARG001
    if is_new:
        MwaaEnvironment.create(name, properties)
    else:
        MwaaEnvironment.by_name[name].update(properties)


_PUT: dict[str, Callable[[Services, str, Properties, bool], None]] = {
    "AWS::S3::Bucket": _put_bucket,
    "AWS::Logs::LogGroup": _put_log_group,
    "AWS::SNS::Topic": _put_topic,
    "AWS::Glue::Job": _put_job,
    "AWS::Glue::Workflow": _put_workflow,
    "AWS::Glue::Trigger": _put_trigger,
    "AWS::MWAA::Environment": _put_environment,
}
_REMOVE: dict[str, Callable[[Services, str], None]] = {
    "AWS::S3::Bucket": lambda services, name: services.client("s3").delete_bucket(Bucket=name),
    "AWS::Logs::LogGroup": lambda services, name: services.client("logs").delete_log_group(logGroupName=name),
    "AWS::SNS::Topic": lambda services, arn: services.client("sns").delete_topic(TopicArn=arn),
    "AWS::Glue::Job": lambda services, name: services.client("glue").delete_job(JobName=name),
    "AWS::Glue::Workflow": lambda services, name: services.client("glue").delete_workflow(Name=name),
    "AWS::Glue::Trigger": lambda services, name: services.client("glue").delete_trigger(Name=name),
    "AWS::MWAA::Environment": lambda services, name: MwaaEnvironment.by_name[name].delete(),  # noqa: ARG005
}
