"""The date that a run scores, and whether that date is too old to send. Pure functions."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from engagement.contract.arguments import DRY_RUN, PushMode
from engagement.contract.errors import ScoreDateError

BACKFILL = "backfill"


def score_date(
    *, requested: str | None, run_type: str, logical_date: datetime | None, run_after: datetime, timezone: str
) -> str:
    """Return the date whose extract the run scores, as YYYY-MM-DD.

    :param requested: the param ``score_date``, which takes precedence
    :param run_type: Airflow's type of the run
    :param logical_date: the run's logical date; a manual run may have none
    :param run_after: used if there is no logical date
    :param timezone: IANA name of the business timezone, in which the calendar day is taken
    :raises ScoreDateError: the requested date is invalid, or was given to a backfill, whose runs would then all
        score the same date
    """
    if requested:
        if run_type == BACKFILL:
            raise ScoreDateError(
                f"the param score_date={requested} was given to a backfill, whose runs score the dates of their "
                "own logical dates; start the backfill without it, or trigger one manual run with it"
            )
        return parse_date(requested).isoformat()
    return business_date(logical_date or run_after, timezone).isoformat()


def parse_date(text: str) -> date:
    """Parse ``YYYY-MM-DD``.

    :raises ScoreDateError: the text has another form or is not a calendar date
    """
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.isoformat() != text:
        raise ScoreDateError(f"expected a calendar date (YYYY-MM-DD) for score_date, got {text!r}")
    return parsed


def business_date(moment: datetime, timezone: str) -> date:
    """Return the calendar date of an aware ``moment`` in the business timezone."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def scored_at(run_after: datetime) -> str:
    """Return the timestamp of the CSV in UTC, whole seconds. It is the same for all retries of a run."""
    return run_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age_in_days(score_date: str, started: datetime, timezone: str) -> int:
    """Return the days from the score date to the business date of ``started``, negative if it is later."""
    return (business_date(started, timezone) - parse_date(score_date)).days


def push_mode(
    *, requested: PushMode | None, setting: PushMode, age_in_days: int, max_age_in_days: int
) -> tuple[PushMode, str]:
    """Return the push mode and, if it is not the setting's, the reason as a clause (else empty).

    :param requested: the param ``push_mode``, which takes precedence
    :param setting: the mode of runs that request none
    :param age_in_days: days from the score date to the start of the run
    :param max_age_in_days: older dates are only planned, so that a backfill of a month does not trigger a month of
        outreach
    """
    if requested:
        return requested, "" if requested == setting else f"the run was started with push_mode={requested}"
    if setting == DRY_RUN or age_in_days <= max_age_in_days:
        return setting, ""
    return DRY_RUN, (
        f"the score date was {age_in_days} days old when the run started, more than "
        f"max_push_age_days={max_age_in_days}; to send it, trigger the DAG for that date with a push_mode"
    )
