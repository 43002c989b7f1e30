"""Types of the parse-time options that are text: how each is parsed, and the phrase that an error message uses."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable

NO_SCHEDULE = "none"


@dataclass(frozen=True, slots=True)
class TextType:
    """One type of option.

    :param check: raises an exception when a text is invalid
    :param expected: what a valid text is, as a noun phrase
    """

    check: Callable[[str], Any]
    expected: str


def _matching(pattern: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)

    return check


def _check_schedule(text: str) -> None:
    if text == NO_SCHEDULE:
        return
    # Airflow reads a sixth field as seconds, so a field too many would start a run each second.
    if not text.startswith("@") and len(text.split()) != 5:
        raise ValueError(text)
    CronTriggerTimetable(text, timezone="UTC").validate()


def _check_date(text: str) -> None:
    if date.fromisoformat(text).isoformat() != text:  # Python accepts other ISO forms too
        raise ValueError(text)


TIMEZONE = TextType(ZoneInfo, "an IANA timezone name")
SCHEDULE = TextType(_check_schedule, "a cron expression of five fields such as 0 3 * * *, or none")
DATE = TextType(_check_date, "a date as YYYY-MM-DD")
CONNECTION = TextType(_matching(r"[\w#!()\-.:/\\]{1,200}"), "the id of an Airflow connection")
REGION = TextType(_matching(r"([a-z]{2,}(-[a-z]+)+-[0-9]+)?"), "an AWS region such as eu-central-1, or empty")
# The DAG must not share its slot with others, and the deploy tool sets the number of slots. MWAA's API accepts paths of
# at most 64 characters.
POOL = TextType(
    _matching(r"(?!default_pool$)[A-Za-z0-9_.-]{1,50}"),
    "the name of a pool other than default_pool, of at most 50 letters, digits, dots, hyphens and underscores",
)
