"""Values that are needed while the DAG file is parsed: section ``[engagement]`` of Airflow's configuration.

They cost no I/O. Everything that can wait until a task runs is in :mod:`engagement.config.settings` instead.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from airflow.sdk import conf

from engagement.contract.errors import ConfigError

SECTION = "engagement"


@dataclass(frozen=True, slots=True, kw_only=True)
class DagConfig:
    """Parse-time values with their defaults; times in seconds or minutes as the names say."""

    timezone: str = "UTC"
    deferrable: bool = True
    sensor_timeout_seconds: int = 12 * 3600
    sensor_poke_seconds: int = 60
    glue_poll_seconds: int = 30
    score_wait_minutes: int = 75
    push_wait_minutes: int = 195
    retries: int = 3
    retry_delay_seconds: int = 120
    score_retries: int = 1
    push_retries: int = 2
    push_retry_delay_seconds: int = 600
    max_active_runs: int = 3

    @classmethod
    def read(cls) -> Self:
        """Read the section.

        :raises ConfigError: for a number below 1 (a count of retries: below 0) or an unknown timezone.
        """
        defaults = cls()
        config = cls(
            timezone=conf.get(SECTION, "timezone", fallback=defaults.timezone),
            deferrable=conf.getboolean(SECTION, "deferrable", fallback=defaults.deferrable),
            **{
                name: _whole_number(name, value)
                for name in cls.__slots__
                if type(value := getattr(defaults, name)) is int
            },
        )
        try:
            ZoneInfo(config.timezone)
        except (KeyError, OSError, ValueError) as error:
            raise ConfigError(f"[{SECTION}] timezone is {config.timezone!r}; wanted an IANA name") from error
        return config

    def usual_retries(self) -> dict[str, Any]:
        """Return the retries of tasks that set none of their own."""
        return {"retries": self.retries, "retry_delay": timedelta(seconds=self.retry_delay_seconds)}

    def glue_wait(self, wait_minutes: int) -> dict[str, Any]:
        """Return how a GlueJobOperator starts a job and waits for it, as its arguments.

        ``wait_minutes`` must exceed the job's own Timeout, or the task fails while Glue runs on.
        """
        return {
            "deferrable": self.deferrable,
            "waiter_delay": self.glue_poll_seconds,
            "waiter_max_attempts": math.ceil(wait_minutes * 60 / self.glue_poll_seconds),
            "job_poll_interval": self.glue_poll_seconds,
            # Bounds the wait when the worker does it (deferrable off); a deferral is bounded by the attempts.
            "execution_timeout": timedelta(minutes=wait_minutes),
            # Verbose would let a STOPPED run pass for a success, and copy Glue's logs.
            "verbose": False,
            # A retry looks for a run that is still going before it starts another.
            "resume_glue_job_on_retry": True,
        }


def _whole_number(name: str, default: int) -> int:
    value = int(conf.getint(SECTION, name, fallback=default))
    least = 0 if name.endswith("retries") else 1
    if value < least:
        raise ConfigError(f"[{SECTION}] {name} is {value}; wanted a whole number of at least {least}")
    return value
