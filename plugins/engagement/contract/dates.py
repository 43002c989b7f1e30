"""Which day a run scores, and whether it is too old to send: pure functions of what the run knows."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from engagement.contract.arguments import DRY_RUN, PushMode
from engagement.contract.errors import ScoreDateError

BACKFILL = "backfill"


def score_date(
    *, requested: str | None, run_type: str, logical_date: datetime | None, run_after: datetime, timezone: str
) -> str:
    """Return the day whose extract the run scores, as ISO text.

    It is the day on which the extract is uploaded, in the business timezone: ``requested`` (the param) if
    given, else the run's logical date, else ``run_after``, for a manual run need not have a logical date.

    :raises ScoreDateError: for a requested date that is no date, or that would make every run of a backfill score
        the same day.
    """
    if requested:
        if run_type == BACKFILL:
            raise ScoreDateError(
                f"the param score_date={requested} was given to a backfill, whose runs score the day of "
                "their own logical date; start the backfill without it, or trigger one manual run with it"
            )
        return parse_date(requested).isoformat()
    return business_date(logical_date or run_after, timezone).isoformat()


def parse_date(text: str) -> date:
    """Return the date that ``YYYY-MM-DD`` stands for.

    :raises ScoreDateError: when the text is in another form or no day of the calendar.
    """
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.isoformat() != text:
        raise ScoreDateError(f"score_date is {text!r}; wanted a day of the calendar as YYYY-MM-DD")
    return parsed


def business_date(moment: datetime, timezone: str) -> date:
    """Return the calendar day of an aware ``moment`` in the business timezone."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def scored_at(run_after: datetime) -> str:
    """Return the CSV's timestamp, whole seconds UTC; the run's own, so that a retry writes the same."""
    return run_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age_in_days(score_date: str, started: datetime, timezone: str) -> int:
    """Return how many days the score date lies before the business day of ``started``; negative if after."""
    return (business_date(started, timezone) - parse_date(score_date)).days


def push_mode(
    *, requested: PushMode | None, setting: PushMode, age_in_days: int, max_age_in_days: int
) -> tuple[PushMode, str]:
    """Return the push mode and, when it is not the usual one, the reason as a sentence (else empty).

    :param requested: the param, which wins over everything
    :param setting: the mode of runs that ask for none
    :param age_in_days: days from the score date to the start of the run
    :param max_age_in_days: older dates are only planned, for a month of backfill must not set off a month of
        outreach
    """
    if requested:
        return requested, "" if requested == setting else f"the run was started with push_mode={requested}"
    if setting == DRY_RUN or age_in_days <= max_age_in_days:
        return setting, ""
    return DRY_RUN, (
        f"its date was {age_in_days} days old when the run started, more than "
        f"max_push_age_days={max_age_in_days}; to send it, trigger the date with a push_mode chosen"
    )
