"""One client against one server: `python -m benchmarks.push.contestants NAME URL RECORDS CONCURRENCY`, one JSON line.

Each runs in a process of its own, so that CPU and memory are its own too. The CPU of starting up (interpreter and
imports) is left out; building the records, the ledger's writes, the keys and the hashes are in.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.push.clients import TOKEN
from benchmarks.push.instant import InstantTransport
from engagement_jobs.delivery import Delivery, Policy
from engagement_jobs.ledger import Ledger
from engagement_jobs.records import Record
from engagement_jobs.transport import HttpTransport

_FAIL_EVERY = 100


def records(count: int) -> Iterator[Record]:
    """Records as Spark's iterator gives them, one at a time."""
    return (Record(f"U{number:09d}", f"{number % 100}.50", 0) for number in range(count))


def _policy(url: str, concurrency: int) -> Policy:
    """As many requests as the concurrency allows: no rate limit, and time enough."""
    return Policy(
        endpoint=url,
        score_date="2026-11-23",
        run_id="benchmark",
        rate=1e9,
        burst=1e9,
        max_concurrency=concurrency,
        max_attempts=5,
        deadline=time.time() + 3600,
        give_up_after=60,
    )


async def ours(url: str, count: int, concurrency: int) -> int:
    """The delivery core as a push task runs it: keys, ledger on disk, breaker, budget, tally."""
    with tempfile.TemporaryDirectory() as folder:

        def put(key: str, body: bytes) -> None:
            (Path(folder) / key).write_bytes(body)

        async def secret() -> str:
            return TOKEN

        transport = HttpTransport(url, secret, 30)
        await transport.read_token()
        async with transport:
            delivery = Delivery(_policy(url, concurrency), transport, Ledger(put, "", "0"))
            await delivery.run(records(count))
    return delivery.tally.outcomes["delivered"]


async def instant(url: str, count: int, concurrency: int) -> int:
    """The delivery core against answers from this process, every hundredth of them a 503; the ledger is only counted.

    What is left is the memory that the core itself holds on to.
    """
    written = 0

    def put(key: str, body: bytes) -> None:  # noqa: ARG001 - a ledger's callable
        nonlocal written
        written += len(body)

    delivery = Delivery(_policy(url, concurrency), InstantTransport(_FAIL_EVERY), Ledger(put, "", "0"))
    await delivery.run(records(count))
    if not written or not delivery.tally.retries:
        raise RuntimeError("nothing was written to the ledger, or nothing was tried again")
    return delivery.tally.outcomes["delivered"]


async def bare_aiohttp(url: str, count: int, concurrency: int) -> int:
    """The least that aiohttp can do: as many coroutines as requests under way, no hash, no ledger, no judgement."""
    rows, good = records(count), 0
    standing = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}

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


CONTESTANTS: dict[str, Callable[[str, int, int], Awaitable[int]]] = {
    "ours": ours,
    "aiohttp": bare_aiohttp,
    "instant": instant,
}


def measure(name: str, url: str, count: int, concurrency: int) -> dict[str, Any]:
    """Run one contestant; seconds of wall clock and CPU (all threads), peak resident memory of the process in bytes."""

    async def run() -> int:
        return await CONTESTANTS[name](url, count, concurrency)

    before, began = time.process_time(), time.monotonic()
    delivered = asyncio.run(run())
    wall, cpu = time.monotonic() - began, time.process_time() - before
    return {"delivered": delivered, "wall": wall, "cpu": cpu, "peak_memory": _peak_memory()}


def _peak_memory() -> int:
    # Not ru_maxrss of getrusage: a child begins with that of its parent. See proc(5), VmHWM, in units of 1,024 bytes.
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM; peak memory is measured on Linux only")
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
