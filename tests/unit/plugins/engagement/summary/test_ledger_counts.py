"""The ledger of a killed attempt is counted without keeping a line of it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest

from engagement.aws.s3 import ObjectHead
from engagement.contract.aggregate import Aggregate, RequestsPerSecond
from engagement.contract.outcomes import ErrorGroup
from engagement.summary.aggregation import NO_SECONDS
from engagement.summary.ledger_counts import count_ledger
from tests.unit.plugins.engagement import run_factory as factory
from tests.unit.plugins.engagement.ledger_factory import CANARY, ledger, line
from tests.unit.plugins.engagement.memory_bucket import WRITTEN, MemoryBucket

FOLDER = f"responses/dt={factory.DATE}/attempt={factory.LAST}/"
PLAN = {"plan": factory.aggregate(factory.LAST, "plan", {"unchanged": 3})}


def count(objects: dict[str, bytes], *finished: str) -> tuple[Aggregate | None, list[str]]:
    aggregates = PLAN | {task: factory.aggregate(factory.LAST, task, {}) for task in finished}
    return count_ledger(MemoryBucket(objects), FOLDER, aggregates)


def test_lines_of_tasks_without_an_aggregate_are_counted() -> None:
    lines = {
        "canary-000000": [line()] * 11,
        "0-000000": [line(), line("rejected", reason="http_422", http_status=422, tries=3, latency_ms=20.0)],
        "0-000001": [line("unknown", reason="timeout", http_status=None, latency_ms=None, tries=2)],
        "2-000000": [line("deferred", reason="http_503", http_status=503, first_sent_at="2026-11-23T03:10:04.000Z")],
    }
    counted, broken = count(ledger(factory.LAST, lines), "canary", "1")
    assert counted is not None
    assert broken == []
    assert (counted.run_id, counted.job_run_id, counted.task) == (factory.RUN_ID, factory.LAST, "ledger")
    assert (counted.rows, counted.posts, counted.retries) == (4, 7, 3)
    assert counted.outcomes == {"delivered": 1, "rejected": 1, "unknown": 1, "deferred": 1}
    assert counted.status_codes == {"200": 1, "422": 1, "503": 1}
    assert counted.latency == {80: 2, 61: 1}  # 1.05**80 is 49.6, 1.05**61 is 19.6
    assert set(counted.errors) == {
        ErrorGroup(outcome="rejected", reason="http_422", http_status=422, detail="", count=1),
        ErrorGroup(outcome="unknown", reason="timeout", http_status=None, detail="", count=1),
        ErrorGroup(outcome="deferred", reason="http_503", http_status=503, detail="", count=1),
    }
    assert counted.seconds == RequestsPerSecond(first=1795403402, posts=(6, 0, 1))


@pytest.mark.parametrize(
    ("objects", "finished"),
    [
        ({}, ()),
        (ledger(factory.LAST, {"0-000000": [line()]}), ("0",)),
        ({f"{FOLDER}pause-0.json": b"{}", f"{FOLDER}agg-0.json": b"{}"}, ()),
    ],
    ids=["no ledger", "all tasks finished", "no ledger objects"],
)
def test_nothing_to_count(objects: dict[str, bytes], finished: tuple[str, ...]) -> None:
    assert count(objects, *finished) == (None, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"user_id": "' + CANARY.encode(), "not JSON: EOF while parsing a string at line 1 column 29"),
        (json.dumps(line(CANARY)).encode(), "outcome: expected one of delivered, "),
        (json.dumps(line(tries=-1)).encode(), "tries: expected a whole number of at least 0, got -1"),
        (json.dumps(line(first_sent_at=CANARY)).encode(), "first_sent_at: "),
    ],
    ids=["cut off", "unknown outcome", "negative", "no time"],
)
def test_a_broken_object_is_reported_without_its_content(text: bytes, expected: str) -> None:
    good = json.dumps(line()).encode()
    key = f"{FOLDER}part-0-000001.jsonl"
    objects = ledger(factory.LAST, {"0-000000": [line()]}) | {key: good + b"\n" + text + b"\n"}
    counted, (broken,) = count(objects)
    assert counted is not None
    assert counted.outcomes == {"delivered": 2}
    assert broken.startswith(f"The ledger object {key} cannot be read: {expected}")
    assert CANARY not in broken


def test_a_wrong_clock_does_not_fill_the_memory() -> None:
    lines = [line(), line(first_sent_at="1970-01-01T00:00:00.000Z")]
    counted, _ = count(ledger(factory.LAST, {"0-000000": lines}))
    assert counted is not None
    assert (counted.rows, counted.seconds) == (2, NO_SECONDS)


class Endless(MemoryBucket):
    """A ledger of any length that exists one line at a time."""

    def __init__(self, objects: int) -> None:
        super().__init__()
        self.length = objects

    def list_objects(self, prefix: str, after: str = "") -> Iterator[ObjectHead]:
        assert not after
        return (ObjectHead(f"{prefix}0-{number:06d}.jsonl", "e", 1, WRITTEN) for number in range(self.length))

    def read_lines(self, key: str) -> Iterator[bytes]:
        number = int(key[-10:-6])
        return (json.dumps(line(user_id=f"U{number}-{row}")).encode() for row in range(500))


def peak_bytes(objects: int) -> int:
    tracemalloc.start()
    try:
        counted, _ = count_ledger(Endless(objects), FOLDER, PLAN)
        assert counted is not None
        assert counted.rows == 500 * objects
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_lines() -> None:
    peak_bytes(1)  # imports and caches
    assert peak_bytes(128) < peak_bytes(64) + 200_000


def test_after_its_time_the_rest_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert count_ledger(Endless(3), FOLDER, PLAN, max_seconds=0) == (None, [])
    assert "objects from responses/dt=2026-11-23/attempt=jr_last/part-0-000000.jsonl on are not counted" in caplog.text
