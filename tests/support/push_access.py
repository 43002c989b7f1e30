"""Check the access to a CRM as the push job does, for tests of the Airflow side: the jobs' libraries differ.

Reads one JSON object a line: url, proxy_url, no_proxy, ca_pem, secret, and resolves (whether host names do). Answers
each with one line: null, or the error.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

from engagement_jobs.contract.errors import JobError
from engagement_jobs.crm_client.preflight import check_access
from engagement_jobs.crm_client.transport.network import Network


def fail_to_resolve(*_: object, **__: object) -> None:
    """Take the place of `socket.getaddrinfo` where no name may be looked up."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def _check(case: dict[str, Any]) -> str | None:
    async def secret() -> str:
        return str(case["secret"])

    network = Network(case["proxy_url"], case["no_proxy"], case["ca_pem"], allow_http=True)
    try:
        await check_access(case["url"], secret, network, 4.0, patience_seconds=0)
    except JobError as error:
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Answer until the input ends."""
    getaddrinfo = socket.getaddrinfo
    for line in sys.stdin:
        case = json.loads(line)
        socket.getaddrinfo = getaddrinfo if case["resolves"] else fail_to_resolve  # type: ignore[assignment]
        print(json.dumps(asyncio.run(_check(case))), flush=True)


if __name__ == "__main__":
    main()
