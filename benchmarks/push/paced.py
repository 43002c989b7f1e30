"""The delivery core under a limit: `python -m benchmarks.push.paced URL RECORDS CONCURRENCY LIMIT BURST`.

Prints one line of JSON. When each request left is noted as the last thing before the connections have it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.push.contestants import deliver, policy, read_token
from benchmarks.push.moments import busiest_second, steady_rate
from engagement_jobs.transport import Answer, HttpTransport


class _Noting(HttpTransport):
    """Notes when each request is sent."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, read_token, 30)
        self.sent: list[float] = []

    async def post(self, payload: bytes, key: str) -> Answer:
        self.sent.append(time.monotonic())
        return await super().post(payload, key)


def main(url: str, count: int, concurrency: int, limit: float, burst: float) -> None:
    """Deliver, and print what was noted."""
    transport = _Noting(url)
    delivered = asyncio.run(deliver(policy(url, concurrency, limit, burst), transport, count))
    found = {"steady": steady_rate(transport.sent), "busiest": busiest_second(transport.sent)}
    print(json.dumps({"delivered": delivered, **found}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
