"""Configuration that the DAG file needs while it is parsed: section ``[engagement]`` of Airflow's configuration.

Reading it needs no I/O. Everything that can wait until a task runs is in :mod:`engagement.config.settings`.
"""

import math
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from airflow.sdk import conf

from engagement.contract.errors import ConfigError

SECTION = "engagement"


def _option(default: Any, description: str) -> Any:
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True, slots=True, kw_only=True)
class DagConfig:
    """The options of the section. ``docs/reference/settings.md`` is generated from them."""

    timezone: str = _option("UTC", "Business timezone. The schedule and the score dates follow it.")
    deferrable: bool = _option(True, "Whether tasks wait in the triggerer instead of in workers.")
    sensor_timeout_seconds: int = _option(
        43_200, "Seconds that wait_for_activity waits for the extract before it fails."
    )
    sensor_poke_seconds: int = _option(60, "Seconds between two checks of wait_for_activity.")
    glue_poll_seconds: int = _option(30, "Seconds between two status checks of a Glue run.")
    score_wait_minutes: int = _option(75, "Minutes that score_users waits. Must exceed the Timeout of the scoring job.")
    push_wait_minutes: int = _option(195, "Minutes that push_scores waits. Must exceed the Timeout of the push job.")
    retries: int = _option(3, "Retries of tasks that have no option of their own.")
    retry_delay_seconds: int = _option(120, "Seconds before a retry.")
    score_retries: int = _option(1, "Retries of score_users.")
    push_retries: int = _option(2, "Retries of push_scores. Each one sends only open users.")
    push_retry_delay_seconds: int = _option(
        600, "Seconds before the first retry of push_scores. They double each time."
    )
    max_active_runs: int = _option(3, "Maximum number of DAG runs at the same time.")

    @classmethod
    def read(cls) -> Self:
        """Read the section.

        :raises ConfigError: a number is out of range or the timezone is unknown
        """
        config = cls(**{option.name: _read(option) for option in fields(cls)})
        try:
            ZoneInfo(config.timezone)
        except (KeyError, OSError, ValueError) as error:
            raise ConfigError(f"[{SECTION}] timezone is {config.timezone!r}, expected an IANA timezone name") from error
        return config

    def default_retries(self) -> dict[str, Any]:
        """Return the retry arguments of tasks that set none of their own."""
        return {"retries": self.retries, "retry_delay": timedelta(seconds=self.retry_delay_seconds)}

    def glue_wait(self, wait_minutes: int) -> dict[str, Any]:
        """Return the arguments with which a GlueJobOperator waits for its job.

        :param wait_minutes: must exceed the job's own Timeout, or the task fails while the Glue run continues
        """
        return {
            "deferrable": self.deferrable,
            "waiter_delay": self.glue_poll_seconds,
            "waiter_max_attempts": math.ceil(wait_minutes * 60 / self.glue_poll_seconds),
            "job_poll_interval": self.glue_poll_seconds,
            # Limits the wait in the worker (deferrable off). waiter_max_attempts limits a deferral.
            "execution_timeout": timedelta(minutes=wait_minutes),
            # With verbose, a STOPPED run would count as a success and Glue's logs would be copied.
            "verbose": False,
            # A retry attaches to a run that is still active instead of starting another one.
            "resume_glue_job_on_retry": True,
        }


def minimum(name: str) -> int:
    """Return the smallest valid value of a numeric option."""
    return 0 if name.endswith("retries") else 1


def _read(option: Field[Any]) -> Any:
    if option.type is bool:
        return conf.getboolean(SECTION, option.name, fallback=option.default)
    if option.type is int:
        return _whole_number(option.name, option.default)
    return conf.get(SECTION, option.name, fallback=option.default)


def _whole_number(name: str, default: Any) -> int:
    value = int(conf.getint(SECTION, name, fallback=default))
    if value < minimum(name):
        raise ConfigError(f"[{SECTION}] {name} is {value}, expected a whole number of at least {minimum(name)}")
    return value
