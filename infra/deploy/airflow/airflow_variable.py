"""The Airflow Variable `engagement`, built from the environment file and stack outputs, kept in Secrets Manager."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError

SETTINGS_FROM_OUTPUTS = {
    "activity_bucket": "ActivityBucketName",
    "output_bucket": "OutputBucketName",
    "score_job_name": "ScoreJobName",
    "push_job_name": "PushJobName",
    "sns_topic_arn": "NotificationTopicArn",
    "metrics_namespace": "MetricsNamespace",
}
"""The settings that the tool fills in, and the output of the pipeline stack that each comes from."""
RESERVED_SETTINGS = ("activity_bucket", "output_bucket", "score_job_name", "push_job_name")
"""Those that the environment file must not set, because the data of two environments would be mixed."""
_MASKED = ("credential_id",)  # someone may have entered the secret itself


def build_document(
    given: Mapping[str, Any], outputs: Mapping[str, str], known: Collection[str], newer: Collection[str] = ()
) -> dict[str, Any]:
    """Build the Variable for a release.

    :param given: `[settings]` of the environment file
    :param outputs: outputs of the pipeline stack
    :param known: settings that the release knows; the tool fills in no others
    :param newer: settings that the checked-out code knows; an older release does not get those that it does not know
    :raises DeployError: when the file sets a reserved setting
    """
    reserved = sorted(name for name in given if name in RESERVED_SETTINGS)
    if reserved:
        raise DeployError(
            f"[settings] of the environment file: {', '.join(reserved)}: set by the deploy tool; remove it"
        )
    filled = {name: outputs[key] for name, key in SETTINGS_FROM_OUTPUTS.items() if name in known and key in outputs}
    return {**filled, **{name: value for name, value in given.items() if name in known or name not in newer}}


def differences(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """Return one line for each setting that changes, without the value of masked settings."""
    before = old or {}
    lines = []
    for name in sorted({*before, *new}):
        if name in before and name in new and before[name] == new[name]:
            continue
        if name in _MASKED:
            lines.append(f"{name}: {_kind_of_change(name, before, new)}")
        elif name not in new:
            lines.append(f"{name}: removed, was {json.dumps(before[name])}")
        else:
            was = f", was {json.dumps(before[name])}" if name in before else ""
            lines.append(f"{name}: {json.dumps(new[name])}{was}")
    return lines


def _kind_of_change(name: str, before: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if name not in new:
        return "removed"
    return "changed" if name in before else "new"


class VariableSecret:
    """The secret from which Airflow's secrets backend reads the Variable.

    :param manager: boto3 Secrets Manager client
    :param name: name of the secret
    """

    def __init__(self, manager: Any, name: str) -> None:
        self._manager = manager
        self.name = name

    def read(self) -> dict[str, Any] | None:
        """Return the present Variable; None when there is no secret, empty when it is not a JSON object."""
        try:
            text = self._manager.get_secret_value(SecretId=self.name)["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ResourceNotFoundException", "InvalidRequestException"):
                return None  # it does not exist, has no value yet, or is scheduled for deletion
            raise
        try:
            document = json.loads(text)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def write(self, new: Mapping[str, Any]) -> None:
        """Create the secret, or store a new value in it."""
        text = json.dumps(new, indent=2, sort_keys=True)
        description = "The Airflow Variable engagement; written by the deploy tool."
        try:
            present = self._manager.describe_secret(SecretId=self.name)
        except self._manager.exceptions.ResourceNotFoundException:
            self._manager.create_secret(Name=self.name, SecretString=text, Description=description)
            return
        if present.get("DeletedDate"):
            self._manager.restore_secret(SecretId=self.name)
        self._manager.put_secret_value(SecretId=self.name, SecretString=text)
