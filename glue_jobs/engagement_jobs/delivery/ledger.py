"""The ledger of one task: what happened to each record, on S3 while the senders go on.

A line is flushed at the latest two seconds, or 500 lines, after its record got an outcome; that bounds what a
killed job can have sent without a trace.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

BATCH = 500
MOST_UNFLUSHED = 2 * BATCH
_FLUSH_SECONDS = 2.0
_GIVE_UP_SECONDS = 60.0
_RETRY_SECONDS = 1.0

FIELDS = (
    "user_id",
    "score",
    "key",
    "payload_sha256",
    "revision",
    "outcome",
    "reason",
    "http_status",
    "tries",
    "latency_ms",
    "first_sent_at",
    "settled_at",
    "run_id",
)

log = logging.getLogger("engagement.ledger")


class Ledger:
    """Lines on their way to `<folder>part-<task>-<seq>.jsonl`, one object a flush.

    :param put: writes one object, `(key, bytes)`; blocking, called in a thread
    :param give_up: seconds of refused writes after which `failed` is set
    """

    def __init__(
        self, put: Callable[[str, bytes], None], folder: str, task: str, give_up: float = _GIVE_UP_SECONDS
    ) -> None:
        self.failed: str | None = None
        self._put, self._prefix, self._give_up = put, f"{folder}part-{task}-", give_up
        self._lines: list[bytes] = []
        self._unwritten = 0
        self._sequence = 0
        self._due = asyncio.Event()
        self._closing = False

    @property
    def full(self) -> bool:
        """Whether senders must wait until a batch has been written."""
        return self._unwritten >= MOST_UNFLUSHED

    @property
    def unwritten(self) -> list[dict[str, Any]]:
        """The lines that S3 did not take; empty unless `failed`."""
        return [json.loads(line) for line in self._lines]

    def add(self, line: bytes) -> None:
        """Take one line, a JSON object with exactly the members of FIELDS, without its end."""
        self._lines.append(line)
        self._unwritten += 1
        if len(self._lines) >= BATCH:
            self._due.set()

    async def run(self) -> None:
        """Flush until `close`; ends early, with `failed` set, when S3 refuses for too long."""
        while not self.failed:
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await self._due.wait()
            except TimeoutError:
                await self._flush(least=1)
                continue
            closing = self._closing
            self._due.clear()
            # Full batches only, until time or the end asks for the rest: every object costs a request.
            await self._flush(least=1 if closing else BATCH)
            if closing:
                return

    def close(self) -> None:
        """Let `run` write what is left and end."""
        self._closing = True
        self._due.set()

    async def _flush(self, least: int) -> None:
        while len(self._lines) >= least and not self.failed:
            batch, self._lines = self._lines[:BATCH], self._lines[BATCH:]
            key = f"{self._prefix}{self._sequence:06d}.jsonl"
            self._sequence += 1
            if await self._write(key, b"\n".join(batch) + b"\n"):
                self._unwritten -= len(batch)
            else:
                self._lines = batch + self._lines

    async def _write(self, key: str, body: bytes) -> bool:
        since = time.monotonic()
        while True:
            try:
                await asyncio.to_thread(self._put, key, body)
            except Exception as error:  # noqa: BLE001 - whatever S3's client raises, the lines must not be lost
                log.warning("ledger write of %s refused: %s", key, type(error).__name__)
                if time.monotonic() - since >= self._give_up:
                    self.failed = f"S3 refused {key} for {self._give_up:.0f} s: {type(error).__name__}: {error}"
                    return False
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return True
