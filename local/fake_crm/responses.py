"""Responses as values, so that they can be stored, replayed and injected."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PROBLEM_BASE = "https://crm.example/problems/"


@dataclass(frozen=True, slots=True)
class FakeResponse:
    """Status, body and headers of a response."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_aiohttp(self) -> web.Response:
        """Return the response for aiohttp."""
        return web.Response(
            status=self.status, body=self.body, headers={"Content-Type": self.content_type, **self.headers}
        )


def as_json(value: Any, status: int = 200) -> FakeResponse:
    """Return a response with a JSON body."""
    return FakeResponse(status, json.dumps(value).encode())


def problem(
    status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> FakeResponse:
    """Return a problem document (RFC 9457).

    :param name: last part of its type
    :param members: members in addition to the standard ones
    """
    document = {
        "type": PROBLEM_BASE + name,
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        **members,
    }
    return FakeResponse(status, json.dumps(document).encode(), "application/problem+json", headers or {})


def not_allowed(method: str, path: str, allow: str) -> FakeResponse:
    """Return 405 for a method that a path does not support."""
    return problem(405, "method-not-allowed", f"{path} supports {allow}, not {method}.", {"Allow": allow})


def not_found(path: str) -> FakeResponse:
    """Return 404 for an unknown path."""
    return problem(404, "not-found", f"No resource at {path}.")
