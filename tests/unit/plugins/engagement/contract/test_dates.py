"""The score date of a run, for every run type and in several timezones."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.contract import dates
from engagement.contract.arguments import PushMode
from engagement.contract.errors import ScoreDateError

ZONES = ("UTC", "Pacific/Kiritimati", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Pago_Pago")
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def score_date(
    *,
    requested: str | None = None,
    run_type: str = "scheduled",
    logical_date: datetime | None = None,
    run_after: datetime = datetime(2026, 11, 23, 3, tzinfo=UTC),
    timezone: str = "UTC",
) -> str:
    return dates.score_date(
        requested=requested, run_type=run_type, logical_date=logical_date, run_after=run_after, timezone=timezone
    )


@given(day=DAYS, zone=st.sampled_from(ZONES))
def test_the_run_at_3_scores_the_same_day(day: date, zone: str) -> None:
    tick = datetime.combine(day, time(3), ZoneInfo(zone)).astimezone(UTC)
    assert score_date(logical_date=tick, run_after=tick, timezone=zone) == day.isoformat()


@given(day=DAYS, seconds=st.integers(0, 86_399), zone=st.sampled_from(ZONES))
def test_run_after_is_used_without_a_logical_date(day: date, seconds: int, zone: str) -> None:
    wall = datetime.combine(day, time.min) + timedelta(seconds=seconds)
    moment = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    local = moment.astimezone(ZoneInfo(zone)).date()
    assert score_date(run_type="manual", run_after=moment, timezone=zone) == local.isoformat()


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-11-22T18:00:00+00:00", "Asia/Tokyo", "2026-11-23"),  # 03:00 in Tokyo, the day before in UTC
        ("2026-11-23T08:00:00+00:00", "America/New_York", "2026-11-23"),
        ("2026-11-23T03:00:00+00:00", "America/New_York", "2026-11-22"),
        ("2026-03-29T01:00:00+00:00", "Europe/Berlin", "2026-03-29"),  # 03:00, just after the clocks went forward
        ("2026-10-25T02:00:00+00:00", "Europe/Berlin", "2026-10-25"),  # 03:00, just after the clocks went back
        ("2026-10-24T22:30:00+00:00", "Europe/Berlin", "2026-10-25"),
    ],
)
def test_known_times(moment: str, zone: str, day: str) -> None:
    assert score_date(logical_date=datetime.fromisoformat(moment), timezone=zone) == day


def test_a_requested_date_wins_over_the_logical_date() -> None:
    logical = datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert score_date(requested="2026-10-01", run_type="manual", logical_date=logical) == "2026-10-01"


def test_the_logical_date_wins_over_run_after() -> None:
    assert score_date(logical_date=datetime(2026, 11, 1, 3, tzinfo=UTC)) == "2026-11-01"


@pytest.mark.parametrize("text", ["2026-02-30", "20261123", "2026-W48-1", "23.11.2026", "today", " 2026-11-23"])
def test_an_invalid_date_is_rejected(text: str) -> None:
    with pytest.raises(ScoreDateError, match=r"expected a calendar date \(YYYY-MM-DD\) for score_date") as raised:
        score_date(requested=text, run_type="manual")
    assert repr(text) in str(raised.value)


def test_scored_at_is_utc_in_whole_seconds() -> None:
    moment = datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert dates.scored_at(moment) == "2026-11-23T03:00:00Z"


@pytest.mark.parametrize(("zone", "age"), [("UTC", 2), ("Asia/Tokyo", 3), ("America/New_York", 2)])
def test_age_is_counted_in_the_business_timezone(zone: str, age: int) -> None:
    assert dates.age_in_days("2026-11-20", datetime(2026, 11, 22, 16, tzinfo=UTC), zone) == age


def test_a_future_date_has_a_negative_age() -> None:
    assert dates.age_in_days("2026-11-24", datetime(2026, 11, 23, tzinfo=UTC), "UTC") == -1


@pytest.mark.parametrize(
    ("requested", "setting", "age", "mode", "reason"),
    [
        (None, "all", 0, "all", ""),
        (None, "all", 2, "all", ""),
        (None, "changed", -1, "changed", ""),
        (None, "dry_run", 99, "dry_run", ""),
        (None, "all", 3, "dry_run", "3 days old"),
        ("all", "all", 99, "all", ""),
        ("retry_rejected", "all", 0, "retry_rejected", "push_mode=retry_rejected"),
        ("dry_run", "all", 0, "dry_run", "push_mode=dry_run"),
    ],
)
def test_push_mode_and_its_reason(
    requested: PushMode | None, setting: PushMode, age: int, mode: str, reason: str
) -> None:
    actual_mode, actual_reason = dates.push_mode(
        requested=requested, setting=setting, age_in_days=age, max_age_in_days=2
    )
    assert actual_mode == mode
    assert bool(actual_reason) == bool(reason)
    assert reason in actual_reason
