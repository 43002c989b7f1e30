"""Run lines of the matrix and judge them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.faults.lane import Lane, lane
from tests.faults.measured import Evidence, Measured, law, limits, retries, truth
from tests.faults.scenario import ARGUMENTS, Range, Scenario

_PART_OF_THE_FAULT = ("base_url", "deadline_seconds")
# Nobody counts what never arrived, or what a task sent that was lost.
_POSTS_NOT_COMPARED = ("FAILED: killed", "FAILED: task_lost")


def run(
    scenarios: Sequence[Scenario], folder: Path, lanes: int, tell: Callable[[Scenario, Measured], None]
) -> dict[str, Measured]:
    """Run the lines on `lanes` stacks side by side; `tell` hears of each as it ends.

    When one of them breaks down, or somebody interrupts, the others end with the line they are at.
    """
    waiting = deque(scenarios)
    found: dict[str, Measured] = {}
    telling = threading.Lock()

    def work(number: int) -> None:
        with lane(folder / f"lane-{number}") as mine:
            while (scenario := _next(waiting)) is not None:
                measured = play(scenario, mine)
                with telling:
                    found[scenario.name] = measured
                    tell(scenario, measured)

    with ThreadPoolExecutor(lanes) as pool:
        try:
            for future in as_completed([pool.submit(work, number) for number in range(lanes)]):
                future.result()
        finally:
            waiting.clear()
    return {scenario.name: found[scenario.name] for scenario in scenarios}


def _next(waiting: deque[Scenario]) -> Scenario | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


def play(scenario: Scenario, on: Lane) -> Measured:
    """One line: the fault on, the job once, and once more without it where rows were left open."""
    expected = scenario.expected
    on.reset()
    if scenario.profile:
        on.break_crm(scenario.profile)
    if scenario.gate:
        on.break_s3(scenario.gate)
    first = on.push(scenario.arguments, scenario.meanwhile)
    evidence = Evidence.gather(on, first)
    measured = Measured(
        name=scenario.name,
        ended=evidence.ended,
        outcomes=evidence.outcomes,
        posts=evidence.stats["requests"],
        sent_twice=_unexplained(evidence, first.id),
        applied_twice=evidence.stats["duplicates"]["applied_per_key"],
        seconds=first.seconds,
        silence=evidence.longest_silence,
    )
    _judge(scenario, evidence, measured)
    measured.broken += [f"{what} is in a log or manifest" for what in evidence.personal(on.world.token)]
    if expected.resumed is not None:
        _resume(scenario, on, first.id, measured)
    if measured.silence < expected.quiet:
        measured.broken.append(f"silent for {measured.silence} s, wanted {expected.quiet:g} s")
    return measured


def _judge(scenario: Scenario, evidence: Evidence, measured: Measured) -> None:
    expected, arguments = scenario.expected, {**ARGUMENTS, **scenario.arguments}
    broken = measured.broken
    broken += _compare("ended", measured.ended, expected.ended)
    broken += _within("POSTs", measured.posts, expected.posts)
    broken += _within("seconds", measured.seconds, expected.seconds)
    if expected.manifest:
        broken += law(evidence) + _outcomes(measured.outcomes, expected.outcomes)
    if measured.ended not in _POSTS_NOT_COMPARED and measured.posts and evidence.manifest:
        broken += _compare("POSTs by the job's own count", evidence.manifest["posts"], measured.posts)
    broken += _within("requests per second", evidence.steady_rate, expected.steady)
    broken += truth(evidence, [evidence.run.id], some_lost=expected.lost > 0)
    broken += limits(evidence, float(arguments["max_requests_per_second"]), int(arguments["push_tasks"]))
    broken += _within("under way at once", evidence.stats["in_flight_peak"], Range(0, expected.in_flight))
    broken += _within("sent twice", measured.sent_twice, Range(0, 0))


def _resume(scenario: Scenario, on: Lane, first: str, measured: Measured) -> None:
    expected = scenario.expected
    assert expected.resumed is not None
    on.mend()
    changes = {name: value for name, value in scenario.arguments.items() if name not in _PART_OF_THE_FAULT}
    again = on.push(changes)
    evidence = Evidence.gather(on, again)
    measured.resumed = evidence.outcomes
    measured.resumed_posts = evidence.stats["requests"] - measured.posts
    measured.sent_twice = _unexplained(evidence, first, again.id)
    measured.applied_twice = evidence.stats["duplicates"]["applied_per_key"]
    measured.silence = max(measured.silence, evidence.longest_silence)
    broken = measured.broken
    broken += _compare("the next attempt", again.state, "SUCCEEDED")
    broken += law(evidence) + _outcomes(measured.resumed, expected.resumed)
    broken += truth(evidence, [first, again.id], some_lost=False)
    broken += _within("sent twice", measured.sent_twice, Range(0, expected.lost))
    broken += limits(evidence, float("inf"), 1)
    again_applied = evidence.stats["duplicates"]["applied_per_user"]
    broken += _within("users to whom a score was applied again", again_applied, Range(0, 0))
    broken += [f"{what} is in a log or manifest" for what in evidence.personal(on.world.token)]


def _unexplained(evidence: Evidence, *job_run_ids: str) -> int:
    """Requests beyond the first of a key that no attempt has told of: sent again because their trace was lost."""
    return max(0, int(evidence.stats["duplicates"]["requests_per_key"]) - retries(evidence, *job_run_ids))


def _compare(what: str, found: object, wanted: object) -> list[str]:
    return [] if found == wanted else [f"{what}: {found}, wanted {wanted}"]


def _within(what: str, found: float, wanted: Range) -> list[str]:
    return [] if found in wanted else [f"{what}: {found:,.0f}, wanted {wanted}"]


def _outcomes(found: Mapping[str, int], wanted: Mapping[str, Range]) -> list[str]:
    names = dict.fromkeys([*wanted, *found])
    return [line for name in names for line in _within(name, found.get(name, 0), wanted.get(name, Range(0, 0)))]
