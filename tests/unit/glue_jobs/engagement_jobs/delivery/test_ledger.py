from __future__ import annotations

import asyncio
import json

from engagement_jobs.delivery.ledger import BATCH, MAX_UNWRITTEN, Ledger


def run(ledger: Ledger, lines: int) -> None:
    async def main() -> None:
        writer = asyncio.create_task(ledger.run())
        for number in range(lines):
            ledger.add(f'{{"user_id": "Ü{number}"}}'.encode())
            if number % 100 == 0:
                await asyncio.sleep(0)
        ledger.close()
        await writer

    asyncio.run(main())


def test_every_line_is_written_once_in_batches() -> None:
    objects: dict[str, bytes] = {}
    run(Ledger(objects.__setitem__, "responses/dt=D/attempt=a/", "3"), 1234)

    assert list(objects) == [f"responses/dt=D/attempt=a/part-3-{number:06d}.jsonl" for number in range(len(objects))]
    lines = [json.loads(line) for body in objects.values() for line in body.splitlines()]
    assert lines == [{"user_id": f"Ü{number}"} for number in range(1234)]
    assert max(body.count(b"\n") for body in objects.values()) <= BATCH


def test_empty_ledger_writes_nothing() -> None:
    objects: dict[str, bytes] = {}
    run(Ledger(objects.__setitem__, "a/", "0"), 0)
    assert objects == {}


def test_failed_write_is_retried() -> None:
    objects: dict[str, bytes] = {}
    failures = iter([True, False])

    def put(key: str, body: bytes) -> None:
        if next(failures, False):
            raise ConnectionError("no")
        objects[key] = body

    ledger = Ledger(put, "a/", "0", timeout_seconds=30)
    run(ledger, 10)
    assert ledger.failed is None
    assert sum(body.count(b"\n") for body in objects.values()) == 10


def test_gives_up_after_the_timeout_and_names_the_object() -> None:
    def put(key: str, body: bytes) -> None:  # noqa: ARG001
        raise PermissionError("AccessDenied")

    ledger = Ledger(put, "a/", "0", timeout_seconds=0)
    run(ledger, 10)
    assert ledger.failed is not None
    assert "a/part-0-000000.jsonl" in ledger.failed
    assert "AccessDenied" in ledger.failed


def test_is_full_at_two_unwritten_batches() -> None:
    ledger = Ledger(lambda key, body: None, "a/", "0")  # noqa: ARG005
    for _ in range(MAX_UNWRITTEN - 1):
        ledger.add(b"{}")
    assert not ledger.is_full
    ledger.add(b"{}")
    assert ledger.is_full
