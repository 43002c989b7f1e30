"""Manifests and aggregates: only those of this run are used. The ledger is read only where they are missing."""

from __future__ import annotations

import pytest

from engagement.aws.glue_runs import GlueRuns
from engagement.contract import s3_keys
from engagement.contract.aggregate import RequestsPerSecond
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.summary import run_artifacts
from engagement.summary.aggregation import NO_SECONDS, throughput
from tests.unit.plugins.engagement import run_factory as factory
from tests.unit.plugins.engagement.ledger_factory import ledger, line
from tests.unit.plugins.engagement.memory_bucket import MemoryBucket

LEDGER = f"responses/dt={factory.DATE}/attempt={factory.LAST}/part-0-00000.jsonl"


def complete_run() -> MemoryBucket:
    aggregates_of_run = factory.first_attempt() + factory.last_attempt()
    return MemoryBucket(
        factory.objects(factory.scores_manifest(), factory.delivery_manifest(), aggregates_of_run) | {LEDGER: b"{"}
    )


def aggregates(
    store: MemoryBucket,
    delivery: run_artifacts.LoadedManifest[DeliveryManifest],
    *,
    dry_run: bool = False,
) -> tuple[dict[str, list[str]], list[str]]:
    by_attempt, broken = run_artifacts.read_aggregates(
        store, factory.DATE, factory.RUN_ID, delivery=delivery, dry_run=dry_run
    )
    return {attempt: sorted(a.task for a in of_attempt) for attempt, of_attempt in by_attempt.items()}, broken


def read_delivery_manifest(
    store: MemoryBucket, *, dry_run: bool = False
) -> run_artifacts.LoadedManifest[DeliveryManifest]:
    return run_artifacts.read_delivery_manifest(store, factory.DATE, factory.RUN_ID, dry_run=dry_run)


def test_a_run_is_read_without_its_ledger() -> None:
    store = complete_run()
    scores = run_artifacts.read_scores_manifest(store, factory.DATE, factory.RUN_ID)
    delivery = read_delivery_manifest(store)
    assert (scores.body, delivery.body) == (factory.scores_manifest(), factory.delivery_manifest())
    assert aggregates(store, delivery) == ({factory.FIRST: ["0"], factory.LAST: ["0", "plan"]}, [])
    assert LEDGER not in store.reads


@pytest.mark.parametrize(
    ("raw", "code", "detail"),
    [
        (None, "missing", "it does not exist"),
        (b"{", "broken", "not JSON"),
        (b'{"version": 1}', "broken", "run_id: required"),
        (factory.changed(factory.scores_manifest(), histogram=[49] * 20), "broken", "its histogram add up to 980"),
        (factory.changed(factory.scores_manifest(), run_id="manual__x"), "other_run", "run manual__x"),
        (factory.changed(factory.scores_manifest(), score_date="2026-11-22"), "other_run", "date 2026-11-22"),
    ],
)
def test_a_manifest_that_is_not_usable(raw: bytes | None, code: str, detail: str) -> None:
    key = s3_keys.scores_manifest_key(factory.DATE)
    manifest = run_artifacts.read_scores_manifest(
        MemoryBucket({} if raw is None else {key: raw}), factory.DATE, factory.RUN_ID
    )
    assert (manifest.key, manifest.body, manifest.code) == (key, None, code)
    assert detail in manifest.detail


def test_without_a_manifest_attempts_are_listed() -> None:
    later, earlier = "jr_a", "jr_b"  # ids say nothing about the order
    of_another_run = factory.aggregate("jr_other", "0", {"delivered": 3}, run_id="manual__other")
    plans = [
        factory.aggregate(earlier, "plan", {"unchanged": 1}, started_at="2026-11-23T03:10:00Z"),
        factory.aggregate(later, "plan", {"delivered": 1}, started_at="2026-11-23T03:20:00Z"),
        factory.aggregate(later, "0", {"delivered": 2}, started_at="2026-11-23T03:20:00Z"),
    ]
    finished = ledger(later, {"0-000000": [line()]})
    store = MemoryBucket(factory.objects(None, None, [of_another_run, *plans]) | finished)
    by_attempt, broken = aggregates(store, read_delivery_manifest(store))
    assert by_attempt == {earlier: ["plan"], later: ["0", "plan"]}
    assert list(by_attempt) == [earlier, later]
    assert broken == []
    assert not finished.keys() & set(store.reads)


@pytest.mark.parametrize(
    ("tasks", "counted"),
    [(("plan",), 3), (("plan", "0"), 2), (("plan", "0", "canary"), 0), (("plan", "rest"), 0)],
    ids=["killed in the canary", "some tasks finished", "all tasks finished", "counted by the next attempt"],
)
def test_a_killed_attempt_is_counted_from_its_ledger(tasks: tuple[str, ...], counted: int) -> None:
    finished = [factory.aggregate(factory.LAST, task, {}) for task in tasks]
    lines = ledger(factory.LAST, {"0-000000": [line()], "canary-000000": [line(), line("rejected")]})
    store = MemoryBucket(factory.objects(None, None, finished) | lines)
    found, broken = run_artifacts.read_aggregates(
        store, factory.DATE, factory.RUN_ID, delivery=read_delivery_manifest(store), dry_run=False
    )
    assert sum(each.rows for each in found[factory.LAST]) == counted
    assert [each.task for each in found[factory.LAST] if each.rows] == (["ledger"] if counted else [])
    assert broken == []


def test_a_ledger_without_a_plan_belongs_to_no_run() -> None:
    store = MemoryBucket(ledger(factory.LAST, {"0-000000": [line()]}))
    assert aggregates(store, read_delivery_manifest(store)) == ({}, [])
    assert store.reads == [s3_keys.delivery_manifest_key(factory.DATE, factory.RUN_ID, dry_run=False)]


def glue_runs(**states: str) -> GlueRuns:
    runs = tuple(factory.glue_run(factory.PUSH_JOB, run, state=state) for run, state in states.items())
    return GlueRuns(runs, tuple(run for run, state in states.items() if run.startswith("now")))


@pytest.mark.parametrize(
    ("states", "summary", "expected", "reads"),
    [
        ({"jr_1": "STOPPED", "jr_2": "STOPPED"}, b'{"stopped_glue_runs": ["jr_1"], "x": 1}', ("jr_1",), 1),
        ({"now_1": "STOPPED", "jr_1": "STOPPED"}, b'{"stopped_glue_runs": ["jr_1"]}', ("jr_1", "now_1"), 1),
        ({"jr_1": "STOPPED"}, None, (), 1),
        ({"jr_1": "STOPPED"}, b'{"stopped_glue_runs": "jr_1"}', (), 1),
        ({"now_1": "STOPPED"}, b'{"stopped_glue_runs": ["jr_1"]}', ("now_1",), 0),
        ({"jr_1": "SUCCEEDED", "jr_2": "TIMEOUT"}, b'{"stopped_glue_runs": ["jr_1"]}', (), 0),
    ],
)
def test_runs_stopped_by_an_earlier_try_are_known(
    states: dict[str, str], summary: bytes | None, expected: tuple[str, ...], reads: int
) -> None:
    store = MemoryBucket({} if summary is None else {"summary.json": summary})
    assert run_artifacts.add_earlier_stops(store, "summary.json", glue_runs(**states)).stopped == expected
    assert len(store.reads) == reads


def test_the_seconds_of_an_attempt_are_added_up() -> None:
    seconds = [{"first": 11, "posts": [4]}, {"first": 0, "posts": []}, {"first": 10, "posts": [2, 1, 0, 1]}]
    tasks = [factory.aggregate("jr_1", str(number), {}, seconds=each) for number, each in enumerate(seconds)]
    other = factory.aggregate("jr_2", "0", {}, seconds={"first": 11, "posts": [7]})
    store = MemoryBucket(factory.objects(None, None, [*tasks, other]))
    by_attempt, _ = run_artifacts.read_aggregates(
        store, factory.DATE, factory.RUN_ID, delivery=read_delivery_manifest(store), dry_run=False
    )
    added = RequestsPerSecond(first=10, posts=(2, 5, 0, 1))
    assert [each.seconds for each in by_attempt["jr_1"]] == [added, NO_SECONDS, NO_SECONDS]
    assert [each.seconds for each in by_attempt["jr_2"]] == [other.seconds]
    assert throughput(by_attempt.values()) == throughput([tasks, [other]])


def test_an_unreadable_aggregate_is_reported_by_key() -> None:
    store = complete_run()
    key = f"responses/dt={factory.DATE}/attempt={factory.LAST}/agg-1.json"
    store.objects[key] = b'{"version": 1'
    (broken,) = aggregates(store, read_delivery_manifest(store))[1]
    assert broken.startswith(f"The aggregate {key} cannot be read: not JSON: ")


def test_a_dry_run_is_read_from_its_own_folder() -> None:
    plan = factory.aggregate("jr_dry", "plan", {"planned": 1000})
    manifest = factory.dry_run_manifest()
    store = MemoryBucket(factory.objects(None, manifest, [plan], dry_run=True))
    delivery = read_delivery_manifest(store, dry_run=True)
    assert delivery.body == manifest
    assert delivery.key == f"dry_runs/{s3_keys.run_key(factory.RUN_ID)}/_manifest.json"
    assert aggregates(store, delivery, dry_run=True) == ({"jr_dry": ["plan"]}, [])


def test_the_last_attempt_wrote_the_manifest_or_is_newest() -> None:
    assert factory.artifacts().last_attempt == factory.last_attempt()
    assert factory.artifacts(delivery=factory.MISSING).last_attempt == factory.last_attempt()
    assert list(factory.artifacts(delivery=factory.MISSING, aggregates={}).last_attempt) == []


def test_recent_histograms_take_at_most_seven_reads() -> None:
    manifests = {f"2026-11-{day}": factory.scores_manifest() for day in range(10, 25)}
    manifests["2026-11-22"] = factory.day_of_scores(0)
    store = MemoryBucket({s3_keys.scores_manifest_key(date): factory.changed(body) for date, body in manifests.items()})
    store.objects[s3_keys.scores_manifest_key("2026-11-21")] = b"{"
    store.objects[s3_keys.scores_manifest_key("2026-11-19")] = factory.changed(
        factory.scores_manifest(), of_a_later_release="x"
    )
    store.objects["scores/dt=2026-11-20/part-0.csv"] = store.objects.pop(s3_keys.scores_manifest_key("2026-11-20"))

    histograms = run_artifacts.read_recent_histograms(store, "2026-11-23")

    assert histograms == {f"2026-11-{day}": factory.scores_manifest().histogram for day in (19, 18, 17, 16)}
    assert store.reads == [s3_keys.scores_manifest_key(f"2026-11-{day}") for day in range(22, 15, -1)]
