"""The delivery core, and the least there is: `python -m benchmarks.push.contestants NAME URL RECORDS CONCURRENCY`.

Prints one line of JSON. Building the records, the ledger's writes, the keys and the hashes are in what it took.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.push import own_process
from benchmarks.push.instant import InstantTransport
from engagement_jobs.delivery import Delivery, Policy
from engagement_jobs.ledger import Ledger
from engagement_jobs.records import Record
from engagement_jobs.transport import HttpTransport

_FAIL_EVERY = 100


def records(count: int) -> Iterator[Record]:
    """Records as Spark's iterator gives them, one at a time."""
    return (Record(f"U{number:09d}", f"{number % 100}.50", 0) for number in range(count))


def policy(url: str, concurrency: int, rate: float = 1e9, burst: float = 1e9) -> Policy:
    """As many requests as the concurrency allows, unless a rate is given, and time enough."""
    return Policy(
        endpoint=url,
        score_date="2026-11-23",
        run_id="benchmark",
        rate=rate,
        burst=burst,
        max_concurrency=concurrency,
        max_attempts=5,
        deadline=time.time() + 3600,
        give_up_after=60,
    )


async def read_token() -> str:
    """What a push task reads from Secrets Manager."""
    return os.environ["CRM_TOKEN"]


async def deliver(wanted: Policy, transport: HttpTransport, count: int) -> int:
    """The delivery core as a push task runs it: keys, ledger on disk, breaker, budget, tally."""
    with tempfile.TemporaryDirectory() as folder:

        def put(key: str, body: bytes) -> None:
            (Path(folder) / key).write_bytes(body)

        await transport.read_token()
        async with transport:
            delivery = Delivery(wanted, transport, Ledger(put, "", "0"))
            await delivery.run(records(count))
    return delivery.tally.outcomes["delivered"]


async def ours(url: str, count: int, concurrency: int) -> int:
    """The delivery core over HTTP."""
    return await deliver(policy(url, concurrency), HttpTransport(url, read_token, 30), count)


async def instant(url: str, count: int, concurrency: int) -> int:
    """The delivery core against answers from this process, every hundredth of them a 503; the ledger is only counted.

    What is left is the memory that the core itself holds on to.
    """
    written = 0

    def put(key: str, body: bytes) -> None:  # noqa: ARG001 - a ledger's callable
        nonlocal written
        written += len(body)

    delivery = Delivery(policy(url, concurrency), InstantTransport(_FAIL_EVERY), Ledger(put, "", "0"))
    await delivery.run(records(count))
    if not written or not delivery.tally.retries:
        raise RuntimeError("nothing was written to the ledger, or nothing was tried again")
    return delivery.tally.outcomes["delivered"]


async def bare_aiohttp(url: str, count: int, concurrency: int) -> int:
    """The least that aiohttp can do: as many coroutines as requests under way, no hash, no ledger, no judgement."""
    rows, good = records(count), 0
    standing = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['CRM_TOKEN']}"}

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal good
        for record in rows:
            headers = {"Idempotency-Key": record.user_id}
            async with session.post(url, data=record.payload(), headers=headers) as response:
                await response.read()
                good += response.status == 200

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, headers=standing) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
    return good


CONTESTANTS: dict[str, Callable[[str, int, int], Coroutine[Any, Any, int]]] = {
    "ours": ours,
    "aiohttp": bare_aiohttp,
    "instant": instant,
}


if __name__ == "__main__":
    name, where, count, at_once = sys.argv[1:]
    own_process.measure(lambda: asyncio.run(CONTESTANTS[name](where, int(count), int(at_once))))
