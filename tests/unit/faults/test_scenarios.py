"""The scenarios of the matrix are complete and can be selected."""

from __future__ import annotations

import pytest

from local.fake_crm.fault_profiles import PROFILES
from tests.faults.__main__ import select
from tests.faults.run import SCENARIOS
from tests.faults.scenario import ARGUMENTS, ROWS, Range, Scenario, at_most, exactly

ON_GLUE = {
    *("none", "429-half-rate", "retry-after-too-long", "token-rotated", "token-endpoint-late", "s3-refuses", "s3-slow"),
    *("pause-overridden", "static-site", "stopped-outside"),
    *("kill-worker", "kill-driver", "kill-job-10", "kill-job-50", "kill-job-90"),
}
NAMES = [scenario.name for scenario in SCENARIOS]


def test_every_fault_of_the_crm_has_a_scenario() -> None:
    assert {scenario.profile for scenario in SCENARIOS if scenario.profile} == PROFILES.keys()


def test_names_are_unique_and_spark_scenarios_run_on_glue() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {scenario.name for scenario in SCENARIOS if scenario.kind == "glue"} == ON_GLUE


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_a_scenario_is_consistent(scenario: Scenario) -> None:
    assert {*scenario.arguments, *scenario.then} <= {*ARGUMENTS, "base_url", "push_tasks"}
    assert not scenario.then or scenario.expected.resumed is not None
    assert (scenario.expected.resumed is not None) == (scenario.expected.ended != "SUCCEEDED")
    if scenario.expected.manifest:
        assert sum(each.low for each in scenario.expected.outcomes.values()) <= ROWS[scenario.kind]
        assert sum(each.high for each in scenario.expected.outcomes.values()) >= ROWS[scenario.kind]


def test_scenarios_are_selected_in_the_order_of_the_page() -> None:
    assert [scenario.name for scenario in select(["kill-worker", "503-few"])] == ["503-few", "kill-worker"]
    assert select(None) == list(SCENARIOS)
    with pytest.raises(SystemExit, match="no such scenario; expected some of latency-50ms, "):
        select(["none", "no-such-scenario"])


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (exactly(10_000), "10,000"),
        (at_most(90), "at most 90"),
        (Range(5, float("inf")), "at least 5"),
        (Range(1, 2), "1 to 2"),
        (Range(10_000, 1.1 * 10_000), "10,000 to 11,000"),
    ],
)
def test_a_range_includes_its_bounds_and_is_readable(expected: Range, text: str) -> None:
    assert str(expected) == text
    assert expected.low in expected
    assert expected.low - 1 not in expected
    assert expected.high in expected
    assert expected.high == float("inf") or expected.high + 1 not in expected
