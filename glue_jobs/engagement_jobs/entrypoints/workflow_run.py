"""A job run inside a Glue workflow run, where no orchestrator computes the arguments of the date.

The triggers of the workflow pass the same arguments every day. The date is a run property: the schedule sets
`scheduled_time`, and a manual start may set the properties that Airflow's trigger form offers as params.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engagement_jobs.contract.errors import WorkflowError

WORKFLOW_NAME, WORKFLOW_RUN_ID = "WORKFLOW_NAME", "WORKFLOW_RUN_ID"
"""Arguments that Glue adds to every job run of a workflow, and to no other job run."""
SCHEDULED_TIME = "scheduled_time"
MANUAL_PROPERTIES = (
    "score_date",
    "push_mode",
    "resend_delivered",
    "ignore_retry_after",
    "limit",
    "max_requests_per_second",
)
"""Run properties that a manual start may set. Each replaces the argument of the same name unless it is empty."""
MAX_PUSH_AGE_DAYS = 2
"""Older dates are pushed only if the run property `push_mode` is set; equals the default of Airflow's setting."""
_DERIVED_ARGUMENTS = ("score_date", "scored_at", "run_id", "input_uri", "input_etags")
_EXTRACT_ARGUMENTS = ("activity_bucket", "activity_key")


def is_workflow_run(command_line: Sequence[str]) -> bool:
    """Return whether Glue started this job run as part of a workflow run."""
    option = f"--{WORKFLOW_NAME}"
    return any(word == option or word.startswith(f"{option}=") for word in command_line)


def argument_names(declared: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the arguments that a trigger and Glue pass in a workflow run.

    :param declared: names of the arguments that the job declares
    """
    extract = _EXTRACT_ARGUMENTS if "input_uri" in declared else ()
    passed = (name for name in declared if name not in _DERIVED_ARGUMENTS)
    return (WORKFLOW_NAME, WORKFLOW_RUN_ID, "timezone", *extract, *passed)


@dataclass(frozen=True)
class WorkflowRun:
    """One run of the workflow.

    :param name: of the workflow
    :param id: of the run
    :param timezone: the business timezone, an IANA name
    :param properties: the run properties; `scheduled_time` is in ISO 8601 with its offset from UTC
    """

    name: str
    id: str
    timezone: str
    properties: Mapping[str, str]

    @property
    def rerun_instructions(self) -> str:
        """How to repeat this run, as the end of a sentence."""
        properties = ",".join(f"{name}={value}" for name, value in sorted(self.properties.items()) if value)
        return f"start the workflow {self.name} again with the run properties {properties}"

    def derive_arguments(self) -> dict[str, str]:
        """Derive `score_date`, `scored_at` and `run_id`, and add the properties that were set manually.

        :raises WorkflowError: a property is unknown or invalid, or no property sets the date
        """
        known = (SCHEDULED_TIME, *MANUAL_PROPERTIES)
        unknown = sorted(name for name in self.properties if name not in known and not name.startswith("aws:"))
        if unknown:
            raise self._property_error(f"{', '.join(unknown)}: unknown; expected one of {', '.join(known)}.")
        manual = {name: self.properties[name] for name in MANUAL_PROPERTIES if self.properties.get(name)}
        requested = self._parse_date(manual["score_date"]) if "score_date" in manual else None
        scheduled = self._scheduled_time(requested)
        scored_at = scheduled.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        score_date = requested or scheduled.astimezone(self._zone()).date()
        derived = {
            "score_date": score_date.isoformat(),
            "scored_at": scored_at,
            "run_id": self._run_id(scored_at, manual.get("push_mode")),
        }
        return manual | derived

    def _run_id(self, scored_at: str, push_mode: str | None) -> str:
        """Return the run id that both jobs of the workflow run use.

        A repeated run has the same id, so it sends only what its earlier attempts left open. `retry_rejected` sends
        users that an earlier run saw rejected, so each of its runs is a run of its own.
        """
        run_id = f"workflow__{scored_at}"
        return f"{run_id}__{self.id}" if push_mode == "retry_rejected" else run_id

    def check_age(self, score_date: str, push_mode: str, now: datetime) -> None:
        """Fail for an old date, unless the push mode was set manually.

        Airflow only plans such a date. A workflow run fails instead, because it has no summary that would show that
        nothing was sent.

        :raises WorkflowError: the date is more than MAX_PUSH_AGE_DAYS days before the business day of `now`
        """
        age = (now.astimezone(self._zone()).date() - date.fromisoformat(score_date)).days
        if age > MAX_PUSH_AGE_DAYS and push_mode != "dry_run" and not self.properties.get("push_mode"):
            raise WorkflowError(
                f"{score_date} is {age} days old, expected at most {MAX_PUSH_AGE_DAYS} days: nothing was sent. To send "
                f"it, {self.rerun_instructions},push_mode={push_mode}. With push_mode=dry_run it is only planned."
            )

    def _parse_date(self, text: str) -> date:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        # Python accepts other ISO forms too.
        if day is None or day.isoformat() != text:
            raise self._property_error(f"score_date is {text!r}, expected a calendar date as YYYY-MM-DD.")
        return day

    def _scheduled_time(self, requested: date | None) -> datetime:
        """Return the scheduled time, or the start of the requested date if there is none.

        The result depends on the run properties alone, not on the clock: both jobs and every repetition of the run
        get the same time.
        """
        text = self.properties.get(SCHEDULED_TIME)
        if not text and requested:
            return datetime(requested.year, requested.month, requested.day, tzinfo=self._zone())
        if not text:
            raise self._property_error(f"no date; set score_date=YYYY-MM-DD or {SCHEDULED_TIME}.")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise self._property_error(f"{SCHEDULED_TIME} is {text!r}, expected a time such as 2026-11-23T03:30:00Z.")
        return moment

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise WorkflowError(
                f"--timezone is {self.timezone!r}, expected an IANA name such as Europe/Berlin"
            ) from error

    def _property_error(self, problem: str) -> WorkflowError:
        return WorkflowError(f"invalid run properties of {self.name} ({self.id}): {problem}")
