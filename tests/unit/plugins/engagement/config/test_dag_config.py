"""The [engagement] section of Airflow's configuration, set by environment variables."""

from datetime import timedelta

import pytest

from engagement.config.dag_config import DagConfig
from engagement.contract.errors import ConfigError


def test_defaults_are_used_without_a_section() -> None:
    config = DagConfig.read()
    assert config == DagConfig()
    assert (config.timezone, config.deferrable) == ("UTC", True)
    assert (config.sensor_timeout_seconds, config.sensor_poke_seconds) == (43_200, 60)
    assert (config.score_wait_minutes, config.push_wait_minutes) == (75, 195)
    assert (config.push_retries, config.push_retry_delay_seconds) == (2, 600)


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
        ("GLUE_POLL_SECONDS", "0", "glue_poll_seconds is 0, expected a whole number of at least 1"),
        ("PUSH_RETRIES", "-1", "push_retries is -1, expected a whole number of at least 0"),
    ],
)
def test_an_invalid_value_is_reported(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__ENGAGEMENT__{name}", value)
    with pytest.raises(ConfigError, match=message):
        DagConfig.read()
