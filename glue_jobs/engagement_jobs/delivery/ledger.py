"""Ledger of one task: one line per started user, written to S3 while requests are sent.

A line is written within 2 seconds, or with the next 500 lines, after its user got an outcome. This limits how many
requests a killed job can have sent without a ledger line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

BATCH = 500
MAX_UNWRITTEN = 2 * BATCH
_FLUSH_SECONDS = 2.0
_TIMEOUT_SECONDS = 60.0
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
    """Writes lines to `<folder>part-<task>-<seq>.jsonl`, one object per flush.

    :param put: writes one object, `(key, bytes)`; blocking, called in a worker thread
    :param timeout_seconds: how long a failing write is retried before `failed` is set
    """

    def __init__(
        self, put: Callable[[str, bytes], None], folder: str, task: str, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        self.failed: str | None = None
        """Why writing was given up; None while it works."""
        self._put, self._prefix, self._timeout = put, f"{folder}part-{task}-", timeout_seconds
        self._lines: list[bytes] = []
        self._unwritten = 0
        self._sequence = 0
        self._flush_now = asyncio.Event()
        self._closing = False

    @property
    def is_full(self) -> bool:
        """Whether no request may be sent until a batch has been written."""
        return self._unwritten >= MAX_UNWRITTEN

    @property
    def unwritten(self) -> list[dict[str, Any]]:
        """The lines that could not be written; complete once `failed` is set and `run` has ended."""
        return [json.loads(line) for line in self._lines]

    def add(self, line: bytes) -> None:
        """Add one line.

        :param line: JSON object with exactly the members of FIELDS, without the line end
        """
        self._lines.append(line)
        self._unwritten += 1
        if len(self._lines) >= BATCH:
            self._flush_now.set()

    async def run(self) -> None:
        """Write lines until `close` is called, or until `failed` is set."""
        while not self.failed:
            try:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await self._flush_now.wait()
            except TimeoutError:
                await self._flush(min_lines=1)
                continue
            closing = self._closing
            self._flush_now.clear()
            # Only full batches before the flush interval ends or the ledger is closed: every object costs a request.
            await self._flush(min_lines=1 if closing else BATCH)
            if closing:
                return

    def close(self) -> None:
        """Let `run` write the remaining lines and return."""
        self._closing = True
        self._flush_now.set()

    async def _flush(self, min_lines: int) -> None:
        while len(self._lines) >= min_lines and not self.failed:
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
            except Exception as error:  # noqa: BLE001 - whatever the S3 client raises, the lines must not be lost
                log.warning("Could not write ledger object %s: %s", key, type(error).__name__)
                if time.monotonic() - since >= self._timeout:
                    cause = f"{type(error).__name__}: {error}"
                    self.failed = f"Could not write {key} to S3 for {self._timeout:.0f} s: {cause}"
                    return False
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return True
