"""A run of the jobs inside a Glue workflow, where nobody passes what differs from day to day.

The workflow's triggers pass the same arguments every day. The day itself is a property of the workflow run: the
schedule gives `scheduled_time`, and whoever starts a run by hand may choose what Airflow's trigger form offers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engagement_jobs.contract.errors import WorkflowError

WORKFLOW_NAME, WORKFLOW_RUN_ID = "WORKFLOW_NAME", "WORKFLOW_RUN_ID"
"""What Glue itself passes to every job of a workflow run, and to no other."""
SCHEDULED_TIME = "scheduled_time"
MANUAL_PROPERTIES = ("score_date", "push_mode", "resend_delivered", "limit", "max_requests_per_second")
"""Run properties of a start by hand, each named as the argument that it stands in for; empty is as not given."""
MAX_PUSH_AGE_DAYS = 2
"""Older dates are sent only by a run whose `push_mode` was chosen by hand, as by the setting's default in Airflow."""
_DERIVED = ("score_date", "scored_at", "run_id", "input_uri", "input_etags")
_EXTRACT = ("activity_bucket", "activity_key")


def is_workflow_run(words: Sequence[str]) -> bool:
    """Whether a command line is that of a workflow run."""
    return any(word == f"--{WORKFLOW_NAME}" or word.startswith(f"--{WORKFLOW_NAME}=") for word in words)


def argument_names(declared: Sequence[str]) -> tuple[str, ...]:
    """The names that a command line has in a workflow run, for a job that declares the arguments `declared`."""
    extract = _EXTRACT if "input_uri" in declared else ()
    return (WORKFLOW_NAME, WORKFLOW_RUN_ID, "timezone", *extract, *(name for name in declared if name not in _DERIVED))


@dataclass(frozen=True)
class WorkflowRun:
    """One run.

    :param timezone: the business timezone, an IANA name
    :param properties: the run's properties, `scheduled_time` in ISO 8601 with its offset from UTC
    """

    name: str
    id: str
    timezone: str
    properties: Mapping[str, str]

    @property
    def rerun_instructions(self) -> str:
        """How to repeat this run, as the end of a sentence."""
        given = ",".join(f"{name}={value}" for name, value in sorted(self.properties.items()) if value)
        return f"start the workflow {self.name} again with the run properties {given}"

    def derive_arguments(self) -> dict[str, str]:
        """Arguments of this run: `score_date`, `scored_at`, `run_id`, and what was chosen by hand.

        :raises WorkflowError: a property is unknown or not what it must be, or none tells the day
        """
        known = (SCHEDULED_TIME, *MANUAL_PROPERTIES)
        unknown = sorted(name for name in self.properties if name not in known and not name.startswith("aws:"))
        if unknown:
            raise self._property_error(f"unknown: {', '.join(unknown)}. Known are {', '.join(known)}.")
        chosen = {name: self.properties[name] for name in MANUAL_PROPERTIES if self.properties.get(name)}
        day = self._day(chosen["score_date"]) if "score_date" in chosen else None
        scheduled = self._scheduled(day)
        moment = scheduled.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        score_date = day or scheduled.astimezone(self._zone()).date()
        derived = {"score_date": score_date.isoformat(), "scored_at": moment, "run_id": f"workflow__{moment}"}
        return chosen | derived

    def check_age(self, score_date: str, push_mode: str, now: datetime) -> None:
        """Refuse to send a date that is too old, unless somebody chose how.

        Refused and not only planned, as Airflow does: it would end like a delivery, and nobody summarises here.

        :raises WorkflowError: the date is more than MAX_PUSH_AGE_DAYS days before the business day of `now`
        """
        age = (now.astimezone(self._zone()).date() - date.fromisoformat(score_date)).days
        if age > MAX_PUSH_AGE_DAYS and push_mode != "dry_run" and not self.properties.get("push_mode"):
            raise WorkflowError(
                f"{score_date} is {age} days old, more than {MAX_PUSH_AGE_DAYS}: nothing was sent. To send it, "
                f"{self.rerun_instructions},push_mode={push_mode}; with push_mode=dry_run it is only planned."
            )

    def _day(self, text: str) -> date:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text:
            raise self._property_error(f"score_date is {text!r}, wanted a day of the calendar as YYYY-MM-DD.")
        return day

    def _scheduled(self, day: date | None) -> datetime:
        """The scheduled time; of a start by hand that names a day alone, the beginning of that day.

        Both jobs must come to the same answer, and so must whoever repeats the run: no clock is asked.
        """
        text = self.properties.get(SCHEDULED_TIME)
        if not text and day:
            return datetime(day.year, day.month, day.day, tzinfo=self._zone())
        if not text:
            raise self._property_error(
                f"none tells the day. Start it with score_date=YYYY-MM-DD, or with {SCHEDULED_TIME}."
            )
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise self._property_error(f"{SCHEDULED_TIME} is {text!r}, wanted a time such as 2026-11-23T03:30:00Z.")
        return moment

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise WorkflowError(
                f"--timezone is {self.timezone!r}, wanted an IANA name such as Europe/Berlin"
            ) from error

    def _property_error(self, what: str) -> WorkflowError:
        return WorkflowError(f"run properties of {self.name} ({self.id}): {what}")
