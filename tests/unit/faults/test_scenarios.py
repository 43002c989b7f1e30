"""The lines of the matrix are complete and can be chosen."""

from __future__ import annotations

import pytest

from local.crm.profiles import PROFILES
from tests.faults.__main__ import chosen
from tests.faults.scenario import ARGUMENTS, Range, at_most, exactly
from tests.faults.scenarios import SCENARIOS

KILLS = {"kill-worker", "kill-driver", "kill-job-10", "kill-job-50", "kill-job-90"}


def test_every_fault_of_the_crm_has_a_line() -> None:
    assert {scenario.profile for scenario in SCENARIOS if scenario.profile} == PROFILES.keys()


def test_names_are_unique_and_arguments_known() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    assert KILLS | {"none", "token-rotated", "s3-refuses", "s3-slow"} <= set(names)
    for scenario in SCENARIOS:
        assert scenario.arguments.keys() <= {*ARGUMENTS, "base_url"}


def test_who_leaves_rows_open_is_resumed() -> None:
    for scenario in SCENARIOS:
        assert (scenario.expected.resumed is not None) == (scenario.expected.ended != "SUCCEEDED"), scenario.name


def test_lines_are_chosen_by_name_in_the_order_of_the_page() -> None:
    assert [scenario.name for scenario in chosen(["kill-worker", "none"])] == ["none", "kill-worker"]
    assert chosen(None) == list(SCENARIOS)
    with pytest.raises(SystemExit, match="there is no such line; known are none, "):
        chosen(["none", "no-such-line"])


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (exactly(10_000), "10,000"),
        (at_most(90), "at most 90"),
        (Range(5, float("inf")), "at least 5"),
        (Range(1, 2), "1 to 2"),
        (Range(10_000, 1.1 * 10_000), "10,000 to 11,000"),
    ],
)
def test_ranges_read_as_a_person_writes_them(wanted: Range, text: str) -> None:
    assert str(wanted) == text
    assert wanted.least in wanted
    assert wanted.least - 1 not in wanted
