"""Run-time settings: the Airflow Variable ``engagement``, one JSON object, read by templates only.

A changed setting therefore holds from the next task on, also when a task of an old run is cleared.
"""

import difflib
import json
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Self

from engagement.contract import PUSH_MODES
from engagement.setting_rules import Rule, choice, flag, integer, number, text

VARIABLE = "engagement"

NOTIFY = ("all", "failures")

BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
JOB_NAME = r"[A-Za-z0-9_.-]{1,255}"
TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
NAMESPACE = r"(?!AWS/)[A-Za-z0-9_.#/-][A-Za-z0-9_.#/: -]{0,254}"


class SettingsError(ValueError):
    """The Variable does not hold what it should; the message lists every fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings with their rules and defaults; those without a default are required."""

    activity_bucket: str = text(BUCKET, "a bucket name")
    output_bucket: str = text(BUCKET, "a bucket name")
    base_url: str = text(r"https?://\S+", "the CRM's URL without a path of the API, like https://crm.example.com")
    # Not `secret_id`: Airflow's page hides such values, and stores asterisks when something else is edited there. Not
    # repeated when it is wrong, for somebody may have pasted the secret itself.
    credential_id: str = text(r"[\w/+=.@:!-]{1,2048}", "name or ARN of the secret with the CRM token", hidden=True)
    score_job_name: str = text(JOB_NAME, "a Glue job name", "engagement-score-users")
    push_job_name: str = text(JOB_NAME, "a Glue job name", "engagement-push-scores")
    activity_key: str = text(
        r"[^/\s]\S*\{score_date\}\S*",
        "a key that contains {score_date}",
        "activity/dt={score_date}/activity.parquet",
    )
    weights_uri: str = text(r"default|s3://[^/\s]+/\S+", "default, or the s3:// URI of a JSON document", "default")
    max_reject_fraction: float = number(0.05, 0, 1)
    min_rows: int = integer(1, 1)
    warn_row_drop_fraction: float = number(0.2, 0, 1)
    max_row_drop_fraction: float = number(0.5, 0, 1)
    warn_reject_rise: float = number(0.005, 0, 1)
    max_reject_rise: float = number(0.03, 0, 1)
    warn_score_drift: float = number(0.1, 0, 100)
    max_score_drift: float = number(0.25, 0, 100)
    push_mode: str = choice(PUSH_MODES, "all")
    max_push_age_days: int = integer(2, 0)
    max_requests_per_second: float = number(50, 0.01, 10_000)
    push_tasks: int = integer(4, 1, 100)
    max_concurrency: int = integer(64, 1, 1_000)
    max_attempts: int = integer(5, 1, 20)
    request_timeout_seconds: float = number(30, 1, 300)
    deadline_seconds: int = integer(9_000, 60, 10_200)
    give_up_after_seconds: int = integer(600, 1, 10_680)
    max_failed_fraction: float = number(0.01, 0, 1)
    allow_http: bool = flag(default=False)
    report_url: str = text(r"(https?://\S*\{key\}\S*)?", "a URL with {key} in it, or empty for the S3 console", "")
    dpu_hour_usd: float = number(0.44, 0, 100)
    sns_topic_arn: str = text(rf"({TOPIC})?", "the ARN of a standard SNS topic, or empty for no notification", "")
    notify: str = choice(NOTIFY, "all")
    notify_backfills: bool = flag(default=False)
    metrics_namespace: str = text(
        rf"({NAMESPACE})?", "a CloudWatch namespace that does not begin with AWS/, or empty for no metrics", ""
    )

    @classmethod
    def parse(cls, document: str | None) -> Self:
        """Read the Variable's text.

        :raises SettingsError: when it is absent, no JSON object, or holds unknown, missing or wrong values;
            every fault is listed, for one edit should be enough.
        """
        faults: list[str] = []
        given = _load(document)
        known = {field.name: field for field in fields(cls)}
        for name in given.keys() - known.keys():
            near = difflib.get_close_matches(name, known, n=1)
            faults.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
        values = {}
        for name, field in known.items():
            if name in given:
                fault = _rule(field).fault(given[name])
                values[name] = given[name]
            else:
                fault = "required" if field.default is MISSING else None
            if fault:
                faults.append(f"{name}: {fault}")
        if faults:
            raise SettingsError(_message(sorted(faults)))
        return cls(**{name: _tidy(value) for name, value in values.items()})


def single(document: str | None, *names: str) -> tuple[dict[str, Any], list[str]]:
    """Read these settings alone, for whoever must speak up although the Variable is wrong elsewhere.

    :return: by name, the value if it is a right one and else the default; and what is wrong with the others
    :raises SettingsError: when the Variable is absent or no JSON object.
    """
    given = _load(document)
    known = {field.name: field for field in fields(Settings)}
    faults = {name: _rule(known[name]).fault(given[name]) for name in names if name in given}
    values = {name: given[name] if name in faults and not faults[name] else known[name].default for name in names}
    return values, [f"{name}: {fault}" for name, fault in faults.items() if fault]


def _rule(field: Field[Any]) -> Rule:
    rule: Rule = field.metadata["rule"]
    return rule


def _load(document: str | None) -> dict[str, Any]:
    if document is None:
        raise SettingsError(f"the Airflow Variable {VARIABLE!r} does not exist; create it as the README shows")
    try:
        given = json.loads(document)
    except ValueError as error:
        raise SettingsError(_message([f"no JSON: {error}"])) from None
    if not isinstance(given, dict):
        raise SettingsError(_message([f"wanted a JSON object, found a {type(given).__name__}"]))
    return given


def _tidy(value: Any) -> Any:
    return value.rstrip("/") if isinstance(value, str) and value.startswith(("https://", "http://")) else value


def _message(faults: list[str]) -> str:
    return f"the Airflow Variable {VARIABLE!r} needs an edit, then clear this task: " + "; ".join(faults)
