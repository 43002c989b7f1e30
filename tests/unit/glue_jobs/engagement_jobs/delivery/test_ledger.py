from __future__ import annotations

import asyncio
import json

from engagement_jobs.delivery.ledger import BATCH, MOST_UNFLUSHED, Ledger


def run(ledger: Ledger, entries: int) -> None:
    async def fill() -> None:
        flusher = asyncio.create_task(ledger.run())
        for number in range(entries):
            ledger.add(f'{{"user_id": "Ü{number}"}}'.encode())
            if number % 100 == 0:
                await asyncio.sleep(0)
        ledger.close()
        await flusher

    asyncio.run(fill())


def test_writes_every_line_once_in_batches() -> None:
    objects: dict[str, bytes] = {}
    run(Ledger(objects.__setitem__, "responses/dt=D/attempt=a/", "3"), 1234)

    assert list(objects) == [f"responses/dt=D/attempt=a/part-3-{number:06d}.jsonl" for number in range(len(objects))]
    lines = [json.loads(line) for body in objects.values() for line in body.splitlines()]
    assert lines == [{"user_id": f"Ü{number}"} for number in range(1234)]
    assert max(body.count(b"\n") for body in objects.values()) <= BATCH


def test_an_empty_ledger_writes_nothing() -> None:
    objects: dict[str, bytes] = {}
    run(Ledger(objects.__setitem__, "a/", "0"), 0)
    assert objects == {}


def test_a_refused_write_is_tried_again() -> None:
    objects: dict[str, bytes] = {}
    refusals = iter([True, False])

    def put(key: str, body: bytes) -> None:
        if next(refusals, False):
            raise ConnectionError("no")
        objects[key] = body

    ledger = Ledger(put, "a/", "0", give_up=30)
    run(ledger, 10)
    assert ledger.failed is None
    assert sum(body.count(b"\n") for body in objects.values()) == 10


def test_gives_up_and_says_where() -> None:
    def put(key: str, body: bytes) -> None:  # noqa: ARG001
        raise PermissionError("AccessDenied")

    ledger = Ledger(put, "a/", "0", give_up=0)
    run(ledger, 10)
    assert ledger.failed is not None
    assert "a/part-0-000000.jsonl" in ledger.failed
    assert "AccessDenied" in ledger.failed


def test_is_full_at_two_unwritten_batches() -> None:
    ledger = Ledger(lambda key, body: None, "a/", "0")  # noqa: ARG005
    for _ in range(MOST_UNFLUSHED - 1):
        ledger.add(b"{}")
    assert not ledger.full
    ledger.add(b"{}")
    assert ledger.full
