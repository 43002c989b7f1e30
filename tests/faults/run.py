"""Run scenarios of the matrix and compare what came of them with what is expected."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from tests.faults import glue_scenarios, http
from tests.faults.core_worker import core_worker
from tests.faults.evidence import (
    Evidence,
    Measured,
    check_invariants,
    check_limits,
    compare_ledger_with_crm,
    count_reasons,
    count_retries,
    find_personal_data,
)
from tests.faults.glue_worker import glue_worker
from tests.faults.scenario import Kind, Range, Scenario
from tests.faults.worker import Worker

SCENARIOS = (*http.SCENARIOS, *glue_scenarios.SCENARIOS)
# Part of a scenario's fault, so not given to its next attempt.
_FAULTY_ARGUMENTS = ("base_url", "deadline_seconds")
# The delivery has no count of what a killed job or a lost task sent.
_POSTS_NOT_COMPARED = ("FAILED: killed", "FAILED: task_lost", "STOPPED")

Report = Callable[[Scenario, Measured], None]
StartWorker = Callable[[Path], contextlib.AbstractContextManager[Worker]]
WORKERS: dict[Kind, StartWorker] = {"core": core_worker, "glue": glue_worker}


def run_matrix(scenarios: Sequence[Scenario], folder: Path, workers: int, report: Report) -> dict[str, Measured]:
    """Run the scenarios on `workers` workers in parallel, those on Glue last; call `report` as each one ends."""
    measured: dict[str, Measured] = {}
    for kind in WORKERS:
        of_kind = [scenario for scenario in scenarios if scenario.kind == kind]
        if of_kind:
            measured |= _run_kind(kind, of_kind, folder, min(workers, len(of_kind)), report)
    return {scenario.name: measured[scenario.name] for scenario in scenarios}


def _run_kind(
    kind: Kind, scenarios: Sequence[Scenario], folder: Path, workers: int, report: Report
) -> dict[str, Measured]:
    """Run scenarios of one kind; after a failure or an interrupt, workers end after their current scenario."""
    free: SimpleQueue[Worker] = SimpleQueue()
    measured: dict[str, Measured] = {}

    def run_on_free_worker(scenario: Scenario) -> Measured:
        worker = free.get()
        try:
            return run_scenario(scenario, worker)
        finally:
            free.put(worker)

    with contextlib.ExitStack() as started, ThreadPoolExecutor(workers) as pool:
        folders = [folder / f"{kind}-{number}" for number in range(workers)]
        for worker in pool.map(lambda each: started.enter_context(WORKERS[kind](each)), folders):
            free.put(worker)
        runs = {pool.submit(run_on_free_worker, scenario): scenario for scenario in scenarios}
        try:
            for run in as_completed(runs):
                measured[runs[run].name] = run.result()
                report(runs[run], run.result())
        finally:
            pool.shutdown(cancel_futures=True)
    return measured


def run_scenario(scenario: Scenario, worker: Worker) -> Measured:
    """Run the delivery with the fault and, if the scenario leaves users open, again without it."""
    worker.reset()
    worker.turn_faults_on(scenario)
    first = worker.push(scenario.arguments, scenario.tasks, scenario.meanwhile)
    evidence = Evidence.gather(worker, first, scenario.rows)
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
    _evaluate(scenario, evidence, measured)
    measured.broken += find_personal_data(evidence, worker.token)
    if scenario.expected.resumed is not None:
        _resume(scenario, scenario.expected.resumed, worker, first.id, measured)
    if measured.silence < scenario.expected.quiet:
        measured.broken.append(f"silent for {measured.silence} s, expected {scenario.expected.quiet:g} s")
    return measured


def _evaluate(scenario: Scenario, evidence: Evidence, measured: Measured) -> None:
    expected, broken = scenario.expected, measured.broken
    broken += _compare("ended", measured.ended, expected.ended)
    broken += _within("POSTs", measured.posts, expected.posts)
    broken += _within("seconds", measured.seconds, expected.seconds)
    if expected.manifest:
        broken += check_invariants(evidence) + _outcomes(measured.outcomes, expected.outcomes)
    reasons = count_reasons(evidence)
    for reason, users in expected.reasons.items():
        broken += _within(reason, reasons[reason], users)
    if measured.ended not in _POSTS_NOT_COMPARED and measured.posts and evidence.manifest:
        own_count = Range(measured.posts, measured.posts + expected.unseen)
        broken += _within("POSTs by the delivery's own count", evidence.manifest["posts"], own_count)
    broken += _within("requests per second", evidence.steady_rate, expected.steady)
    broken += compare_ledger_with_crm(evidence, [evidence.run.id], some_lost=expected.lost > 0)
    broken += check_limits(evidence, scenario.rate, scenario.tasks)
    broken += _within("in flight at once", evidence.stats["in_flight_peak"], Range(0, scenario.in_flight))
    broken += _within("sent twice", measured.sent_twice, Range(0, 0))


def _resume(scenario: Scenario, outcomes: Mapping[str, Range], worker: Worker, first: str, measured: Measured) -> None:
    worker.turn_faults_off()
    changes = {name: value for name, value in scenario.arguments.items() if name not in _FAULTY_ARGUMENTS}
    again = worker.push({**changes, **scenario.then}, scenario.tasks)
    evidence = Evidence.gather(worker, again, scenario.rows)
    measured.resumed = evidence.outcomes
    measured.resumed_posts = evidence.stats["requests"] - measured.posts
    measured.sent_twice = _unexplained(evidence, first, again.id)
    measured.applied_twice = evidence.stats["duplicates"]["applied_per_key"]
    measured.silence = max(measured.silence, evidence.longest_silence)
    applied_again = evidence.stats["duplicates"]["applied_per_user"]
    broken = measured.broken
    broken += _compare("the next attempt", again.state, "SUCCEEDED")
    broken += check_invariants(evidence) + _outcomes(measured.resumed, outcomes)
    broken += compare_ledger_with_crm(evidence, [first, again.id], some_lost=False)
    broken += _within("sent twice", measured.sent_twice, Range(0, scenario.expected.lost))
    broken += check_limits(evidence, float("inf"), 1)
    broken += _within("users to whom a score was applied again", applied_again, Range(0, 0))
    broken += find_personal_data(evidence, worker.token)


def _unexplained(evidence: Evidence, *job_run_ids: str) -> int:
    """Count the repeated requests that no attempt counted as a retry, because their ledger lines were lost."""
    return max(0, int(evidence.stats["duplicates"]["requests_per_key"]) - count_retries(evidence, *job_run_ids))


def _compare(what: str, got: object, expected: object) -> list[str]:
    return [] if got == expected else [f"{what}: got {got}, expected {expected}"]


def _within(what: str, got: float, expected: Range) -> list[str]:
    return [] if got in expected else [f"{what}: got {got:,.0f}, expected {expected}"]


def _outcomes(got: Mapping[str, int], expected: Mapping[str, Range]) -> list[str]:
    names = dict.fromkeys([*expected, *got])
    return [fault for name in names for fault in _within(name, got.get(name, 0), expected.get(name, Range(0, 0)))]
