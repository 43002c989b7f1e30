"""The Variable: defaults, valid ranges and error messages."""

import json
import math
import re
from typing import Any

import pytest
from airflow._shared.secrets_masker import redact

from engagement.config.settings import NotificationSettings, Settings, notification_settings
from engagement.contract.errors import SettingsError
from tests.unit.plugins.engagement.run_factory import SETTINGS


def parse(**changes: Any) -> Settings:
    return Settings.parse(json.dumps({**SETTINGS, **changes}))


def test_defaults() -> None:
    found = parse()
    assert (found.score_job_name, found.push_job_name) == ("engagement-score-users", "engagement-push-scores")
    assert found.activity_key == "activity/dt={score_date}/activity.parquet"
    assert (found.weights_uri, found.max_invalid_fraction) == ("default", 0.05)
    assert found.stall_timeout_seconds == 900
    assert (found.min_rows, found.max_row_drop_fraction, found.max_score_drift) == (1, 0.5, 0.25)
    assert (found.push_mode, found.max_push_age_days, found.max_requests_per_second) == ("all", 2, 50)
    assert (found.push_tasks, found.max_concurrency, found.max_attempts) == (4, 64, 5)
    assert (found.request_timeout_seconds, found.deadline_seconds, found.unavailable_timeout_seconds) == (
        30,
        9_000,
        600,
    )
    assert found.max_retry_after_seconds == 86_400
    assert (found.max_failed_fraction, found.allow_http) == (0.01, False)
    assert (found.report_url, found.dpu_hour_usd) == ("", 0.44)
    assert (found.sns_topic_arn, found.notify, found.notify_backfills) == ("", "all", False)
    assert found.metrics_namespace == ""


def test_the_deadline_is_before_the_timeout_of_the_glue_job() -> None:
    glue_timeout_seconds = 180 * 60
    assert parse().deadline_seconds + 120 <= glue_timeout_seconds
    assert parse(deadline_seconds=glue_timeout_seconds - 600).deadline_seconds == 10_200
    with pytest.raises(SettingsError, match="deadline_seconds: expected a whole number from 60 to 10200, got 10201"):
        parse(deadline_seconds=10_201)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights_uri", "s3://bucket/weights/v2.json"),
        ("crm_uri", "s3://artifacts/crm/ours.json"),
        ("egress_url", "http://proxy.example.com:3128"),
        ("egress_url", "https://[::1]:8443"),
        ("direct_hosts", "10.0.0.0/8,.example.com,crm:8443,*"),
        ("ca_uri", "s3://artifacts/crm/authorities.pem"),
        ("activity_key", "in/{score_date}.parquet"),
        ("activity_key", "{year}/{month}/{day}/_SUCCESS"),
        ("activity_key", "{previous_date}.parquet"),
        ("report_url", "http://127.0.0.1:8333/{bucket}/{key}"),
        ("max_invalid_fraction", 0),
        ("stall_timeout_seconds", 60),
        ("max_failed_fraction", 1),
        ("max_push_age_days", 0),
        ("push_mode", "dry_run"),
        ("allow_http", True),
        ("sns_topic_arn", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:on-call"),
        ("notify", "failures"),
        ("metrics_namespace", "Engagement/engagement-2"),
        ("metrics_namespace", "a: b#c/._-"),
        ("metrics_namespace", "AWSome"),
        ("metrics_namespace", "n" * 255),
    ],
)
def test_a_valid_value_is_accepted(name: str, value: Any) -> None:
    assert getattr(parse(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activity_bucket", "s3://bucket"),
        ("output_bucket", ""),
        ("base_url", "crm.example.com"),
        ("base_url", None),
        ("score_job_name", "a job"),
        ("activity_key", "activity/activity.parquet"),
        ("activity_key", "/activity/{score_date}"),
        ("activity_key", "s3://bucket/{score_date}.parquet"),
        ("activity_key", "activity/{score_date}/*.parquet"),
        ("activity_key", "activity/{score_date}/{hour}.parquet"),
        ("activity_key", "activity/{score_date/a.parquet"),
        ("weights_uri", "weights.json"),
        ("crm_uri", "crm.json"),
        ("direct_hosts", "crm.example.com/api"),
        ("ca_uri", "authorities.pem"),
        ("ca_uri", "default"),
        ("report_url", "https://reports.example.com/"),
        ("report_url", "javascript:alert('{key}')"),
        ("max_invalid_fraction", 1.01),
        ("stall_timeout_seconds", 59),
        ("max_failed_fraction", "0.01"),
        ("max_failed_fraction", -0.01),
        ("dpu_hour_usd", math.nan),
        ("dpu_hour_usd", math.inf),
        ("dpu_hour_usd", -math.inf),
        ("push_tasks", math.nan),
        ("push_tasks", 0),
        ("push_tasks", 2.5),
        ("push_tasks", True),
        ("max_requests_per_second", 0),
        ("max_push_age_days", -1),
        ("push_mode", "everything"),
        ("sns_topic_arn", "on-call"),
        ("sns_topic_arn", "arn:aws:sns:us-east-1:123456789012:on-call.fifo"),
        ("sns_topic_arn", None),
        ("notify", "success"),
        ("metrics_namespace", "AWS/Glue"),
        ("metrics_namespace", ":colon"),
        ("metrics_namespace", " "),
        ("metrics_namespace", "ümlaut"),
        ("metrics_namespace", "n" * 256),
        ("metrics_namespace", None),
        ("notify_backfills", "yes"),
        ("allow_http", "true"),
        ("allow_http", 1),
    ],
)
def test_an_invalid_value_is_rejected(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(**{name: value})
    assert re.search(rf"{name}: expected .+, got {re.escape(repr(value))}", str(raised.value))


@pytest.mark.parametrize("value", ["", '{"token":"s3cr3t"}', {"token": "s3cr3t"}])
def test_a_secret_pasted_by_mistake_is_not_quoted(value: Any) -> None:
    with pytest.raises(
        SettingsError, match=r"credential_id: expected .+, got a (str|dict) that is not shown"
    ) as raised:
        parse(credential_id=value)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    "value",
    ["http://user:s3cr3t@proxy.example.com", "proxy:3128", "http://proxy/path", "http://proxy:0", "http://proxy"],
)
def test_an_invalid_proxy_is_not_quoted(value: str) -> None:
    with pytest.raises(SettingsError, match=r"egress_url: expected .+, got a str that is not shown") as raised:
        parse(egress_url=value)
    assert value not in str(raised.value)


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_airflow_masks_no_setting_on_its_variables_page(name: str) -> None:
    # Airflow stores the mask *** as the value when the Variable is saved on its page.
    assert redact({name: "plain"}) == {name: "plain"}
    assert redact({"secret_id": "plain"}) == {"secret_id": "***"}


@pytest.mark.parametrize(
    ("argument", "setting"),
    [("proxy_url", "egress_url"), ("no_proxy", "direct_hosts"), ("secret_id", "credential_id")],
)
def test_the_name_of_an_argument_leads_to_its_setting(argument: str, setting: str) -> None:
    with pytest.raises(SettingsError, match=f"{argument} is not a known name; did you mean {setting}\\?"):
        Settings.parse(json.dumps({**SETTINGS, argument: "x"}))


def test_all_faults_are_listed() -> None:
    document = {**SETTINGS, "max_atempts": 3, "zzz": 1, "push_tasks": 0}
    del document["credential_id"]
    with pytest.raises(SettingsError) as raised:
        Settings.parse(json.dumps(document))
    message = str(raised.value)
    assert "max_atempts is not a known name; did you mean max_attempts?" in message
    assert "zzz is not a known name" in message
    assert "credential_id: required" in message
    assert "push_tasks: expected a whole number from 1 to 100, got 0" in message


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "does not exist"),
        ("", "not JSON"),
        ('{"notify": "all", "notify": "failures"}', "duplicate key 'notify'"),
        ("null", "expected a JSON object, got None"),
    ],
)
def test_a_variable_without_an_object_is_rejected(document: str | None, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        Settings.parse(document)
    assert "Variable 'engagement'" in str(raised.value)


def test_a_trailing_slash_of_the_base_url_is_removed() -> None:
    assert parse(base_url="https://crm.example.com/v2/").base_url == "https://crm.example.com/v2"


def test_notification_settings_survive_other_faults() -> None:
    document = (
        '{"sns_topic_arn": "arn:aws:sns:eu-west-1:123456789012:t", "notify": "al", "zzz": 1, "push_tasks": 1, '
        '"push_tasks": -1}'
    )
    found, faults = notification_settings(document)
    assert found == NotificationSettings(sns_topic_arn="arn:aws:sns:eu-west-1:123456789012:t")
    assert faults == {"notify": "notify: expected one of all, failures, got 'al'"}


@pytest.mark.parametrize(
    ("document", "said"),
    [(None, "does not exist"), ("[1]", "got a list"), ("{s3cr3t", "not JSON"), ('"s3cr3t"', "got a str")],
)
def test_notification_settings_need_an_object(document: str | None, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        notification_settings(document)
    assert "s3cr3t" not in str(raised.value)
