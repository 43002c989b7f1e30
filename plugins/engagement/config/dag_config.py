"""Configuration that the DAG file needs while it is parsed: section ``[engagement]`` of Airflow's configuration.

Reading it needs no I/O. Everything that can wait until a task runs is in :mod:`engagement.config.settings`.
"""

import difflib
import math
import os
from dataclasses import Field, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable, conf
from airflow.sdk.exceptions import AirflowException

from engagement.config import option_types
from engagement.config.option_types import NO_SCHEDULE
from engagement.contract.errors import ConfigError

SECTION = "engagement"
_VARIABLE_PREFIX = f"AIRFLOW__{SECTION.upper()}__"
_FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def _option(default: Any, description: str, type_: option_types.TextType | None = None) -> Any:
    return field(default=default, metadata={"description": description, "type": type_})


@dataclass(frozen=True, slots=True, kw_only=True)
class DagConfig:
    """The options of the section. ``docs/reference/settings.md`` is generated from them."""

    timezone: str = _option(
        "UTC", "Business timezone. The schedule and the score dates follow it.", option_types.TIMEZONE
    )
    schedule: str = _option(
        "0 3 * * *", "When a run starts, in the business timezone. none: only manually.", option_types.SCHEDULE
    )
    start_date: str = _option(
        "2026-01-01", "First day, in the business timezone, for which a run can be scheduled.", option_types.DATE
    )
    aws_conn_id: str = _option(
        "aws_default", "Airflow connection for AWS, of all tasks and of the dashboard.", option_types.CONNECTION
    )
    region_name: str = _option("", "AWS region of buckets and jobs. Empty: the connection's.", option_types.REGION)
    pool: str = _option("engagement", "Pool of the tasks that run a Glue job. It needs one slot.", option_types.POOL)
    deferrable: bool = _option(True, "Whether tasks wait in the triggerer instead of in workers.")
    sensor_timeout_seconds: int = _option(
        43_200, "Seconds that wait_for_activity waits for the extract before it fails."
    )
    sensor_poke_seconds: int = _option(60, "Seconds between two checks of wait_for_activity.")
    glue_poll_seconds: int = _option(30, "Seconds between two status checks of a Glue run.")
    score_wait_minutes: int = _option(45, "Minutes that score_users waits. Must exceed the Timeout of the scoring job.")
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

        :raises ConfigError: an option is unknown, a number is out of range, or a text is invalid
        """
        names = [option.name for option in fields(cls)]
        if unknown := [*_unknown_options(names), *_unknown_variables(names)]:
            raise ConfigError("; ".join(unknown))
        return cls(**{option.name: _read(option) for option in fields(cls)})

    def timetable(self) -> CronTriggerTimetable | None:
        """Return when runs start, None if they are only started manually."""
        if self.schedule == NO_SCHEDULE:
            return None
        return CronTriggerTimetable(self.schedule, timezone=self.timezone)

    def start(self) -> datetime:
        """Return the time from which on runs can be scheduled."""
        return datetime.fromisoformat(self.start_date).replace(tzinfo=ZoneInfo(self.timezone))

    def aws(self) -> dict[str, Any]:
        """Return the arguments with which an operator or a hook connects to AWS."""
        return {"aws_conn_id": self.aws_conn_id, "region_name": self.region_name or None}

    def default_args(self) -> dict[str, Any]:
        """Return the arguments of tasks that set none of their own."""
        return {"retries": self.retries, "retry_delay": timedelta(seconds=self.retry_delay_seconds), **self.aws()}

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


def expected_option(option: Field[Any]) -> str:
    """Return what a valid value of an option is, as a noun phrase."""
    if option.type is bool:
        return "true or false"
    if option.type is int:
        return f"a whole number of at least {_minimum(option.name)}"
    return str(option.metadata["type"].expected)


def _minimum(name: str) -> int:
    return 0 if name.endswith("retries") else 1


def _read(option: Field[Any]) -> Any:
    text = conf.get(SECTION, option.name, fallback=None, raw=True)  # raw: a % in the file would fail without a name
    if text is None:
        return option.default
    try:
        return _parse(option, text)
    except (AirflowException, KeyError, OSError, ValueError) as error:
        raise ConfigError(f"[engagement] {option.name} is {text!r}, expected {expected_option(option)}") from error


def _parse(option: Field[Any], text: str) -> Any:
    if option.type is str:
        option.metadata["type"].check(text)
        return text
    text = text.partition("#")[0].strip()  # a comment, as Airflow allows it
    if option.type is bool:
        return _FLAGS[text.lower()]
    value = int(text)
    if value < _minimum(option.name):
        raise ValueError(text)
    return value


# Airflow ignores options that no code reads: a misspelled one would leave the default in place without a word.


def _unknown_options(names: list[str]) -> list[str]:
    """Return one clause for each unknown option in the configuration file."""
    present = conf.options(SECTION) if conf.has_section(SECTION) else []
    unknown = sorted({*present} - {*names, *conf.defaults()})
    return [f"[engagement] {name} is not a known option{_nearest(name.lower(), names)}" for name in unknown]


def _unknown_variables(names: list[str]) -> list[str]:
    """Return one clause for each environment variable of the section that Airflow does not read."""
    known = {f"{_VARIABLE_PREFIX}{name.upper()}": name for name in names}
    present = (name for name in os.environ if name.upper().startswith(_VARIABLE_PREFIX))
    return [
        f"the environment variable {name} is not a known option{_nearest(name.upper(), list(known))}"
        for name in sorted(present)
        if name not in known
    ]


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(names)}"
