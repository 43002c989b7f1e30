"""Run-time settings: the Airflow Variable ``engagement``, one JSON object, read by templates only.

A changed setting therefore holds from the next task on, also when a task of an old run is cleared.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from engagement.contract.arguments import PushMode
from engagement.contract.errors import DocumentError, SettingsError
from engagement.contract.strict_model import StrictModel, describe_fault, list_faults, parse

VARIABLE = "engagement"

BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
JOB_NAME = "[A-Za-z0-9_.-]{1,255}"
TOPIC = "arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
NAMESPACE = "[A-Za-z0-9_.#/-][A-Za-z0-9_.#/: -]{0,254}"


def text(pattern: str, expected: str, default: Any = ..., **more: Any) -> Any:
    """Declare a text that matches ``pattern`` from end to end."""
    return Field(default, pattern=f"^(?:{pattern})$", description=expected, **more)


def integer(default: int, low: int, high: int | None = None) -> Any:
    """Declare a whole number in ``low..high``."""
    limits = f"of at least {low}" if high is None else f"from {low} to {high}"
    return Field(default, ge=low, le=high, description=f"a whole number {limits}")


def number(default: float, low: float, high: float) -> Any:
    """Declare a number in ``low..high``, whole or not."""
    return Field(default, ge=low, le=high, description=f"a number from {low:g} to {high:g}")


def _refuse_reserved(namespace: str) -> str:
    if namespace.startswith("AWS/"):
        raise ValueError("reserved")
    return namespace


class NotificationSettings(StrictModel):
    """The settings that are read although the Variable may be wrong elsewhere: how the end of a run is reported."""

    SHOWS_TEXT: ClassVar[bool] = True

    sns_topic_arn: str = text(f"({TOPIC})?", "the ARN of a standard SNS topic, or empty for no notification", "")
    notify: Literal["all", "failures"] = Field(default="all", description="one of all, failures")
    notify_backfills: bool = Field(default=False, description="true or false")
    metrics_namespace: Annotated[str, AfterValidator(_refuse_reserved)] = text(
        f"({NAMESPACE})?", "a CloudWatch namespace that does not begin with AWS/, or empty for no metrics", ""
    )


class Settings(NotificationSettings):
    """All settings with their rules and defaults; those without a default are required."""

    activity_bucket: str = text(BUCKET, "a bucket name")
    output_bucket: str = text(BUCKET, "a bucket name")
    base_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = text(
        r"https?://\S+", "the CRM's URL without a path of the API, like https://crm.example.com"
    )
    # Not `secret_id`: Airflow's page hides such values, and stores asterisks when something else is edited there. Not
    # repeated when it is wrong, for somebody may have pasted the secret itself.
    credential_id: str = text(
        r"[\w/+=.@:!-]+", "name or ARN of the secret with the CRM token", max_length=2048, repr=False
    )
    score_job_name: str = text(JOB_NAME, "a Glue job name", "engagement-score-users")
    push_job_name: str = text(JOB_NAME, "a Glue job name", "engagement-push-scores")
    activity_key: str = text(
        r"[^/\s]\S*\{score_date\}\S*",
        "a key that contains {score_date}",
        "activity/dt={score_date}/activity.parquet",
    )
    weights_uri: str = text(r"default|s3://[^/\s]+/\S+", "default, or the s3:// URI of a JSON document", "default")
    max_invalid_fraction: float = number(0.05, 0, 1)
    min_rows: int = integer(1, 1)
    warn_row_drop_fraction: float = number(0.2, 0, 1)
    max_row_drop_fraction: float = number(0.5, 0, 1)
    warn_invalid_rise: float = number(0.005, 0, 1)
    max_invalid_rise: float = number(0.03, 0, 1)
    warn_score_drift: float = number(0.1, 0, 100)
    max_score_drift: float = number(0.25, 0, 100)
    push_mode: PushMode = Field(default="all", description="one of all, changed, retry_rejected, dry_run")
    max_push_age_days: int = integer(2, 0)
    max_requests_per_second: float = number(50, 0.01, 10_000)
    push_tasks: int = integer(4, 1, 100)
    max_concurrency: int = integer(64, 1, 1_000)
    max_attempts: int = integer(5, 1, 20)
    request_timeout_seconds: float = number(30, 1, 300)
    deadline_seconds: int = integer(9_000, 60, 10_200)
    unavailable_timeout_seconds: int = integer(600, 1, 10_680)
    max_failed_fraction: float = number(0.01, 0, 1)
    allow_http: bool = Field(default=False, description="true or false")
    report_url: str = text(r"(https?://\S*\{key\}\S*)?", "a URL with {key} in it, or empty for the S3 console", "")
    dpu_hour_usd: float = number(0.44, 0, 100)

    model_config = ConfigDict(title="Settings: the Airflow Variable engagement")

    @classmethod
    def parse(cls, document: str | None) -> Self:
        """Read the Variable's text.

        :raises SettingsError: when it is absent, no JSON object, or holds unknown, missing or wrong values;
            every fault is listed, for one edit should be enough.
        """
        try:
            return parse(cls, _existing(document))
        except DocumentError as error:
            raise SettingsError(_message(error.faults)) from None


def notification_settings(document: str | None) -> tuple[NotificationSettings, dict[str, str]]:
    """Read these settings alone; one that is wrong has its default.

    :return: the settings, and by name what is wrong with one
    :raises SettingsError: when the Variable is absent or no JSON object.
    """
    text = _existing(document)
    try:
        return NotificationSettings.model_validate_json(text, extra="ignore"), {}
    except ValidationError as error:
        faults: list[dict[str, Any]] = [dict(each) for each in error.errors(include_url=False)]
        wrong = {str(each["loc"][0]): describe_fault(each, Settings) for each in faults if each["loc"]}
        if not wrong:
            raise SettingsError(_message(list_faults(error, Settings))) from None
    right = {name: value for name, value in json.loads(text).items() if name not in wrong}
    return NotificationSettings.model_validate_json(json.dumps(right), extra="ignore"), wrong


def _existing(document: str | None) -> str:
    if document is None:
        raise SettingsError(f"the Airflow Variable {VARIABLE!r} does not exist; create it as the README shows")
    return document


def _message(faults: list[str]) -> str:
    return f"the Airflow Variable {VARIABLE!r} needs an edit, then clear this task: " + "; ".join(faults)
