"""The client that the tests of the fake CRM use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

TOKEN = "a-token-for-this-test-only"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Client:
    """An HTTP client of a running fake CRM."""

    url: str
    session: requests.Session

    def send(
        self, user_id: str = "U1", score: str = "73.25", key: str | None = None, **options: Any
    ) -> requests.Response:
        headers = {**AUTHORIZED, **({"Idempotency-Key": key} if key else {}), **options.pop("headers", {})}
        body: dict[str, Any] = (
            {"json": {"user_id": user_id, "engagement_score": score}} if "data" not in options else {}
        )
        return self.session.post(f"{self.url}/api/v1/update-score", headers=headers, timeout=10, **body, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, headers=AUTHORIZED, timeout=10, **options)

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self.request("GET", "/_crm/stats").json()
        return stats

    def state(self) -> dict[str, str]:
        state: dict[str, str] = self.request("GET", "/_crm/state").json()
        return state

    def switch_fault(self, **fault: Any) -> None:
        self.request("PUT", "/_crm/faults", json=fault).raise_for_status()


Start = Callable[..., Client]
