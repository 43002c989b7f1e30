"""The [engagement] section of Airflow's configuration, set by environment variables."""

import dataclasses
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from airflow.sdk import CronTriggerTimetable
from airflow.sdk.configuration import AirflowSDKConfigParser

from engagement.config import dag_config
from engagement.config.dag_config import DagConfig
from engagement.contract.errors import ConfigError


def test_defaults_are_used_without_a_section() -> None:
    config = DagConfig.read()
    assert config == DagConfig()
    assert (config.timezone, config.deferrable) == ("UTC", True)
    assert (config.sensor_timeout_seconds, config.sensor_poke_seconds) == (43_200, 60)
    assert (config.score_wait_minutes, config.push_wait_minutes) == (45, 195)
    assert (config.push_retries, config.push_retry_delay_seconds) == (2, 600)
    assert (config.schedule, config.start_date, config.pool) == ("0 3 * * *", "2026-01-01", "engagement")
    assert config.aws() == {"aws_conn_id": "aws_default", "region_name": None}


def test_the_configuration_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__TIMEZONE", "Asia/Tokyo")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__DEFERRABLE", "False")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__GLUE_POLL_SECONDS", "7")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__PUSH_RETRIES", "0")
    config = DagConfig.read()
    assert (config.timezone, config.deferrable, config.push_retries) == ("Asia/Tokyo", False, 0)
    assert config.glue_wait(10) == {
        "deferrable": False,
        "waiter_delay": 7,
        "waiter_max_attempts": 86,
        "job_poll_interval": 7,
        "execution_timeout": timedelta(minutes=10),
        "verbose": False,
        "resume_glue_job_on_retry": True,
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TIMEZONE", "Middle/Earth", "timezone is 'Middle/Earth', expected an IANA timezone name"),
        ("TIMEZONE", "../etc/passwd", "expected an IANA timezone name"),
        ("GLUE_POLL_SECONDS", "0", "glue_poll_seconds is '0', expected a whole number of at least 1"),
        ("GLUE_POLL_SECONDS", "30s", "glue_poll_seconds is '30s', expected a whole number of at least 1"),
        ("PUSH_RETRIES", "-1", "push_retries is '-1', expected a whole number of at least 0"),
        ("DEFERRABLE", "perhaps", "deferrable is 'perhaps', expected true or false"),
        ("SCHEDULE", "at night", "schedule is 'at night', expected a cron expression of five fields"),
        ("SCHEDULE", "0 25 * * *", "schedule is '0 25 .*', expected a cron expression"),
        ("SCHEDULE", "", "schedule is '', expected a cron expression"),
        ("SCHEDULE", "0 0 3 * * *", "schedule is '0 0 3 .*', expected a cron expression of five fields"),
        ("SCHEDULE", "0 3 * * * *", "schedule is '0 3 .*', expected a cron expression of five fields"),
        ("SCHEDULE", "0 3 * * * * 2026", "schedule is '0 3 .*', expected a cron expression of five fields"),
        ("START_DATE", "2026-02-30", "start_date is '2026-02-30', expected a date as YYYY-MM-DD"),
        ("START_DATE", "20260101", "start_date is '20260101', expected a date"),
        ("AWS_CONN_ID", "", "aws_conn_id is '', expected the id of an Airflow connection"),
        ("AWS_CONN_ID", "my aws", "aws_conn_id is 'my aws', expected the id"),
        ("REGION_NAME", "Frankfurt", "region_name is 'Frankfurt', expected an AWS region such as eu-central-1, or"),
        ("REGION_NAME", "eu-central-1a", "region_name is 'eu-central-1a', expected an AWS region"),
        ("POOL", "default_pool", "pool is 'default_pool', expected the name of a pool other than default_pool"),
        ("POOL", "a pool", "pool is 'a pool', expected the name of a pool"),
    ],
)
def test_an_invalid_value_is_reported(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__ENGAGEMENT__{name}", value)
    with pytest.raises(ConfigError, match=message):
        DagConfig.read()


def test_every_default_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in dataclasses.fields(DagConfig):
        monkeypatch.setenv(f"AIRFLOW__ENGAGEMENT__{option.name.upper()}", str(option.default))
    assert DagConfig.read() == DagConfig()


@pytest.mark.parametrize("region", ["", "eu-central-1", "us-gov-west-1", "ap-southeast-7"])
def test_a_task_gets_connection_and_region(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__AWS_CONN_ID", "aws_crm")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__REGION_NAME", region)
    assert DagConfig.read().default_args() == {
        "retries": 3,
        "retry_delay": timedelta(seconds=120),
        "aws_conn_id": "aws_crm",
        "region_name": region or None,
    }


@pytest.mark.parametrize("schedule", ["30 4 * * 1-5", "@daily", "0 */6 * * *"])
def test_the_schedule_follows_the_business_timezone(monkeypatch: pytest.MonkeyPatch, schedule: str) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__SCHEDULE", schedule)
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__TIMEZONE", "Asia/Tokyo")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__START_DATE", "2026-06-01")
    config = DagConfig.read()
    assert config.timetable() == CronTriggerTimetable(schedule, timezone="Asia/Tokyo")
    assert config.start().isoformat() == "2026-06-01T00:00:00+09:00"


def test_without_a_schedule_runs_are_started_manually(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__SCHEDULE", "none")
    assert DagConfig.read().timetable() is None


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("AIRFLOW__ENGAGEMENT__TIMEZON", "AIRFLOW__ENGAGEMENT__TIMEZONE"),
        ("AIRFLOW__ENGAGEMENT__aws_conn_id", "AIRFLOW__ENGAGEMENT__AWS_CONN_ID"),
        ("AIRFLOW__engagement__POOL", "AIRFLOW__ENGAGEMENT__POOL"),
        # Airflow reads a command or a secret's name only for its own sensitive options.
        ("AIRFLOW__ENGAGEMENT__REGION_NAME_SECRET", "AIRFLOW__ENGAGEMENT__REGION_NAME"),
    ],
)
def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str) -> None:
    monkeypatch.setenv(variable, "x")
    message = f"the environment variable {variable} is not a known option; did you mean {nearest}?"
    with pytest.raises(ConfigError, match=re.escape(message)):
        DagConfig.read()


@pytest.fixture
def config_file(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let Airflow read a configuration file with the given text."""

    def write(text: str) -> None:
        parser = AirflowSDKConfigParser()
        parser.read_string(text)
        monkeypatch.setattr(dag_config, "conf", parser)

    return write


def test_the_configuration_file_is_read(config_file: Callable[[str], None]) -> None:
    config_file("[engagement]\nschedule = 15 2 * * *\npool = crm\nretries = 0\nregion_name =\n")
    config = DagConfig.read()
    assert (config.schedule, config.pool, config.retries, config.region_name) == ("15 2 * * *", "crm", 0, "")


@pytest.mark.parametrize("value", ["50%", "%(pool)s", "crm%%"])
def test_a_percent_sign_is_reported_with_its_option(config_file: Callable[[str], None], value: str) -> None:
    config_file(f"[engagement]\npool = {value}\n")
    with pytest.raises(ConfigError, match=re.escape(f"[engagement] pool is {value!r}, expected the name of a pool")):
        DagConfig.read()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("schedul", "did you mean schedule?"),
        ("Timezone", "did you mean timezone?"),
        ("POOLS", "did you mean pool?"),
        ("aws_connection_id", "did you mean aws_conn_id?"),
        ("zzz", "expected one of timezone, schedule, start_date, "),
    ],
)
def test_an_unknown_option_is_refused(config_file: Callable[[str], None], option: str, said: str) -> None:
    config_file(f"[DEFAULT]\nshared = 1\n[engagement]\n{option} = x\n")
    message = f"[engagement] {option} is not a known option; {said}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        DagConfig.read()


def test_all_unknown_options_are_listed(config_file: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    config_file("[engagement]\npoool = x\nretrys = 1\n")
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__SCHEDUL", "x")
    with pytest.raises(ConfigError) as raised:
        DagConfig.read()
    assert all(name in str(raised.value) for name in ("poool", "retrys", "AIRFLOW__ENGAGEMENT__SCHEDUL "))
