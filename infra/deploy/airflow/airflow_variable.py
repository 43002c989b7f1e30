"""The Airflow Variable `engagement`: made of the environment file and the stacks' outputs, kept in Secrets Manager."""

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
"""Settings that are filled in, and the pipeline stack's output that each comes from."""
RESERVED_SETTINGS = ("activity_bucket", "output_bucket", "score_job_name", "push_job_name")
"""Those that the environment file may not give: another environment's data would be mixed with this one's."""
_MASKED = ("credential_id",)  # somebody may have pasted the secret itself


def build_document(
    given: Mapping[str, Any], outputs: Mapping[str, str], known: Collection[str], newer: Collection[str] = ()
) -> dict[str, Any]:
    """The Variable for a release.

    :param given: the environment file's `[settings]`
    :param known: settings that the release knows; others are not filled in
    :param newer: settings that the newest code knows: an older release is spared those
    :raises DeployError: when the file gives what is filled in
    """
    taken = sorted(name for name in given if name in RESERVED_SETTINGS)
    if taken:
        raise DeployError(
            f"[settings] of the environment file: {', '.join(taken)}: filled in from the stack; remove it"
        )
    filled = {name: outputs[key] for name, key in SETTINGS_FROM_OUTPUTS.items() if name in known and key in outputs}
    return {**filled, **{name: value for name, value in given.items() if name in known or name not in newer}}


def differences(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """One line for each setting that changes; of the credential only that it does."""
    before = old or {}
    lines = []
    for name in sorted({*before, *new}):
        if name in before and name in new and before[name] == new[name]:
            continue
        if name in _MASKED:
            lines.append(
                f"{name}: {'changed' if name in before and name in new else 'new' if name in new else 'removed'}"
            )
        elif name not in new:
            lines.append(f"{name}: removed, was {json.dumps(before[name])}")
        else:
            was = f", was {json.dumps(before[name])}" if name in before else ""
            lines.append(f"{name}: {json.dumps(new[name])}{was}")
    return lines


class VariableSecret:
    """The secret that Airflow's secrets backend reads.

    :param manager: boto3 Secrets Manager client
    """

    def __init__(self, manager: Any, name: str) -> None:
        self._manager = manager
        self.name = name

    def read(self) -> dict[str, Any] | None:
        """What is there, None when there is no secret; what is no JSON object counts as empty."""
        try:
            text = self._manager.get_secret_value(SecretId=self.name)["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ResourceNotFoundException", "InvalidRequestException"):
                return None  # never made, without a value yet, or marked for deletion
            raise
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, new: Mapping[str, Any]) -> None:
        """Make the secret or put a new value into it."""
        text = json.dumps(new, indent=2, sort_keys=True)
        about = "The Airflow Variable engagement; written by the deploy tool."
        try:
            there = self._manager.describe_secret(SecretId=self.name)
        except self._manager.exceptions.ResourceNotFoundException:
            self._manager.create_secret(Name=self.name, SecretString=text, Description=about)
            return
        if there.get("DeletedDate"):
            self._manager.restore_secret(SecretId=self.name)
        self._manager.put_secret_value(SecretId=self.name, SecretString=text)
