"""The settings: one JSON object in the Airflow Variable ``engagement``.

Only templates read it, when a task starts. A changed setting therefore applies from the next task on, even if a task
of an old run is cleared. ``docs/reference/settings.md`` is generated from these models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationError

from engagement.config.setting_types import (
    ActivityKey,
    BaseUrl,
    BucketName,
    CaUri,
    DocumentUri,
    Fraction,
    JobName,
    MetricsNamespace,
    NoProxy,
    ProxyUrl,
    ReportUrl,
    SecretId,
    TopicArn,
)
from engagement.contract.arguments import PushMode
from engagement.contract.errors import DocumentError, SettingsError
from engagement.contract.strict_model import StrictModel, describe_fault, list_faults, parse

VARIABLE = "engagement"


class NotificationSettings(StrictModel):
    """The settings that control how the end of a run is reported. They are read even if other settings are invalid."""

    SHOWS_TEXT: ClassVar[bool] = True

    sns_topic_arn: TopicArn = Field(default="", description="SNS topic for end-of-run notifications. Empty: none.")
    notify: Literal["all", "failures"] = Field(default="all", description="Which runs send a notification.")
    notify_backfills: bool = Field(default=False, description="Whether backfill runs send notifications too.")
    metrics_namespace: MetricsNamespace = Field(
        default="",
        description="CloudWatch namespace for the run metrics: runs by result, users, cost. Empty: no metrics.",
    )


class Settings(NotificationSettings):
    """All settings. Those without a default are required."""

    OTHER_NAMES: ClassVar[Mapping[str, str]] = {  # of the job's arguments; Airflow would mask them as settings
        "proxy_url": "egress_url",
        "no_proxy": "direct_hosts",
        "secret_id": "credential_id",
    }

    activity_bucket: BucketName = Field(description="Bucket of the extract.")
    output_bucket: BucketName = Field(description="Bucket for scores, invalid rows, ledgers, summaries and reports.")
    base_url: BaseUrl = Field(description="URL of the CRM. The push job appends the path of the CRM document.")
    # Not `secret_id`: Airflow's Variables page masks such values, and stores the mask when something else is edited.
    # repr=False: error messages do not quote the value, which could be the secret itself, pasted by mistake.
    credential_id: SecretId = Field(
        description="Secret in AWS Secrets Manager with the credentials for the CRM.", repr=False
    )
    crm_uri: DocumentUri = Field(
        default="default",
        description="CRM document: request and responses of the CRM's API. default: the one in the job archive.",
    )
    # Not `proxy_url` and `no_proxy`, which Airflow masks too. repr=False: a URL with a password is not quoted.
    egress_url: ProxyUrl = Field(
        default="",
        description="HTTP proxy through which the CRM is reached. Its user and password are in the secret. Empty: no "
        "proxy; HTTPS_PROXY is not read.",
        repr=False,
    )
    direct_hosts: NoProxy = Field(
        default="",
        description="Hosts that are reached without the proxy.",
    )
    ca_uri: CaUri = Field(
        default="",
        description="Certificate authorities (PEM) that are trusted in addition to the system's. Empty: none.",
    )
    score_job_name: JobName = Field(default="engagement-score-users", description="Glue job that scores users.")
    push_job_name: JobName = Field(
        default="engagement-push-scores", description="Glue job that pushes scores to the CRM."
    )
    activity_key: ActivityKey = Field(
        default="activity/dt={score_date}/activity.parquet",
        description="Key of the extract. A key that ends with /_SUCCESS means all Parquet files in that folder.",
    )
    weights_uri: DocumentUri = Field(
        default="default", description="Weights document of the score. default: the one in the job archive."
    )
    max_invalid_fraction: Fraction = Field(
        default=0.05, description="score_users fails if more than this fraction of the input rows is invalid."
    )
    stall_timeout_seconds: int = Field(
        default=900,
        ge=60,
        le=86_400,
        description="score_users fails if no Spark task ends for this many seconds. Must be less than the Timeout of "
        "the scoring job (30 minutes by default), or Glue ends the job without a cause.",
    )
    min_rows: int = Field(default=1, ge=1, description="check_scores fails if fewer rows than this were scored.")
    warn_row_drop_fraction: Fraction = Field(
        default=0.2,
        description="check_scores warns if the row count is more than this fraction below the median of earlier dates.",
    )
    max_row_drop_fraction: Fraction = Field(
        default=0.5,
        description="check_scores fails if the row count is more than this fraction below the median of earlier dates.",
    )
    warn_invalid_rise: Fraction = Field(
        default=0.005,
        description="check_scores warns if the invalid fraction exceeds the median of earlier dates by more than this.",
    )
    max_invalid_rise: Fraction = Field(
        default=0.03,
        description="check_scores fails if the invalid fraction exceeds the median of earlier dates by more than this.",
    )
    warn_score_drift: float = Field(
        default=0.1,
        ge=0,
        le=100,
        description="check_scores warns if the population stability index against earlier dates exceeds this.",
    )
    max_score_drift: float = Field(
        default=0.25,
        ge=0,
        le=100,
        description="check_scores fails if the population stability index against earlier dates exceeds this.",
    )
    push_mode: PushMode = Field(
        default="all", description="Which users a run sends, unless the run's own push_mode is set."
    )
    max_push_age_days: int = Field(
        default=2,
        ge=0,
        description="Older score dates are planned (dry_run) instead of sent, unless the run has a push_mode.",
    )
    max_requests_per_second: float = Field(
        default=50, ge=0.01, le=10_000, description="Rate limit of the push over all push tasks, retries included."
    )
    push_tasks: int = Field(default=4, ge=1, le=100, description="Number of push tasks, which send in parallel.")
    max_concurrency: int = Field(default=64, ge=1, le=1_000, description="Maximum requests in flight per push task.")
    max_attempts: int = Field(
        default=5,
        ge=1,
        le=20,
        description="Maximum attempts per user in one run of the push job, the first one included. "
        "Throttled requests, refused tokens and probes do not count.",
    )
    request_timeout_seconds: float = Field(default=30, ge=1, le=300, description="Timeout of one request, in seconds.")
    deadline_seconds: int = Field(
        default=9_000, ge=60, le=10_200, description="The push job stops sending this many seconds after its start."
    )
    unavailable_timeout_seconds: int = Field(
        default=600,
        ge=1,
        le=10_680,
        description="The push job stops if this many seconds pass without a healthy response.",
    )
    max_retry_after_seconds: int = Field(
        default=86_400,
        ge=1,
        le=31_622_400,
        description="Longest pause that the push job accepts from the CRM (Retry-After), in seconds. A longer one is "
        "shortened to this, and the log shows the original value.",
    )
    max_failed_fraction: Fraction = Field(
        default=0.01, description="The run fails if (rejected + unknown + deferred) / rows exceeds this fraction."
    )
    allow_http: bool = Field(default=False, description="Allows an unencrypted base_url. For local stacks only.")
    report_url: ReportUrl = Field(
        default="", description="Link to the report; {bucket} and {key} are replaced. Empty: the S3 console."
    )
    dpu_hour_usd: float = Field(
        default=0.44, ge=0, le=100, description="Price of a Glue DPU-hour in US dollars, for the cost estimate."
    )

    model_config = ConfigDict(title="Settings: the Airflow Variable engagement")

    @classmethod
    def parse(cls, document: str | None) -> Self:
        """Read the settings.

        :param document: the Variable's text, None if the Variable does not exist
        :raises SettingsError: the Variable is absent, is not a JSON object, or has unknown, missing or invalid
            settings. The message lists every fault.
        """
        try:
            return parse(cls, _existing(document))
        except DocumentError as error:
            raise SettingsError(_message(error.faults)) from None


def notification_settings(document: str | None) -> tuple[NotificationSettings, dict[str, str]]:
    """Read the notification settings alone. Invalid ones get their defaults.

    :param document: the Variable's text, None if the Variable does not exist
    :return: the settings, and the faults by name of the setting
    :raises SettingsError: the Variable is absent or is not a JSON object
    """
    text = _existing(document)
    try:
        return NotificationSettings.model_validate_json(text, extra="ignore"), {}
    except ValidationError as error:
        details: list[dict[str, Any]] = [dict(each) for each in error.errors(include_url=False)]
        invalid = {str(each["loc"][0]): describe_fault(each, Settings) for each in details if each["loc"]}
        if not invalid:
            raise SettingsError(_message(list_faults(error, Settings))) from None
    valid = {name: value for name, value in json.loads(text).items() if name not in invalid}
    return NotificationSettings.model_validate_json(json.dumps(valid), extra="ignore"), invalid


def _existing(document: str | None) -> str:
    if document is None:
        raise SettingsError(f"the Airflow Variable {VARIABLE!r} does not exist; create it as the README shows")
    return document


def _message(faults: list[str]) -> str:
    return f"the Airflow Variable {VARIABLE!r} is invalid; edit it, then clear this task: " + "; ".join(faults)
