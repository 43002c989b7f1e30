"""Who decides what is sent: the person, the setting, the age of the date."""

import pytest

from engagement.contract.arguments import PushMode
from engagement.push_mode import decide


@pytest.mark.parametrize(
    ("requested", "setting", "age", "mode", "reason"),
    [
        (None, "all", 0, "all", ""),
        (None, "all", 2, "all", ""),
        (None, "changed", -1, "changed", ""),
        (None, "dry_run", 99, "dry_run", ""),
        (None, "all", 3, "dry_run", "3 days old"),
        ("all", "all", 99, "all", ""),
        ("failed_only", "all", 0, "failed_only", "push_mode=failed_only"),
        ("dry_run", "all", 0, "dry_run", "push_mode=dry_run"),
    ],
)
def test_decide(requested: PushMode | None, setting: PushMode, age: int, mode: str, reason: str) -> None:
    found, why = decide(requested=requested, setting=setting, age_in_days=age, max_age_in_days=2)
    assert found == mode
    assert bool(why) == bool(reason)
    assert reason in why
