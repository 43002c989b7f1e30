"""A client of the CRM stand-in, as its tests use it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

TOKEN = "a-token-for-this-test-only"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Client:
    """One HTTP client of a running CRM."""

    url: str
    session: requests.Session

    def send(self, user_id: str = "U1", score: str = "73.25", key: str | None = None, **more: Any) -> requests.Response:
        headers = {**AUTHORIZED, **({"Idempotency-Key": key} if key else {}), **more.pop("headers", {})}
        body: dict[str, Any] = {"json": {"user_id": user_id, "engagement_score": score}} if "data" not in more else {}
        return self.session.post(f"{self.url}/api/v1/update-score", headers=headers, timeout=10, **body, **more)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, headers=AUTHORIZED, timeout=10, **more)

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", "/_crm/stats").json()
        return found

    def state(self) -> dict[str, str]:
        found: dict[str, str] = self.ask("GET", "/_crm/state").json()
        return found

    def break_it(self, **fault: Any) -> None:
        self.ask("PUT", "/_crm/faults", json=fault).raise_for_status()


Start = Callable[..., Client]
