"""What goes back to a client: one small value, the same for a fresh, a stored and an injected answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PROBLEM_BASE = "https://crm.example/problems/"


@dataclass(frozen=True, slots=True)
class FakeResponse:
    """Status, body and headers of one response."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """Build the response that aiohttp sends."""
        return web.Response(
            status=self.status, body=self.body, headers={"Content-Type": self.content_type, **self.headers}
        )


def as_json(value: Any, status: int = 200) -> FakeResponse:
    """Answer with a JSON value."""
    return FakeResponse(status, json.dumps(value).encode())


def problem(
    status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> FakeResponse:
    """Answer with a problem document (RFC 9457); `name` becomes its type, `members` extend it."""
    document = {
        "type": PROBLEM_BASE + name,
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        **members,
    }
    return FakeResponse(status, json.dumps(document).encode(), "application/problem+json", headers or {})


def not_allowed(method: str, path: str, allow: str) -> FakeResponse:
    """405 for a known path."""
    return problem(405, "method-not-allowed", f"{path} answers {allow}, not {method}.", {"Allow": allow})


def not_found(path: str) -> FakeResponse:
    """404 for an unknown path."""
    return problem(404, "not-found", f"There is nothing at {path}.")
