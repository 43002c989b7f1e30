"""Telling and counting side by side: neither waits for the other, and both are bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from engagement.notifications import callbacks, metrics

PARTS: dict[str, tuple[Any, str]] = {"topic": (callbacks, "_notify"), "metrics": (metrics, "put")}
CALLBACKS: list[tuple[Callable[[Any], None], str]] = [
    (callbacks.on_success, "success"),
    (callbacks.on_failure, "failed"),
]
CONTEXT: Any = {"ti": SimpleNamespace(state="failed", hostname="worker", try_number=1, max_tries=3)}


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    monkeypatch.setattr(callbacks, "TIMEOUT_SECONDS", 1.0)
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(("callback", "status"), CALLBACKS)
@pytest.mark.parametrize(("hanging", "working"), [("topic", "metrics"), ("metrics", "topic")])
def test_one_that_hangs_does_not_hinder_the_other(
    never: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    callback: Callable[[Any], None],
    status: str,
    hanging: str,
    working: str,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(*PARTS[hanging], lambda *_: never.wait(30))
    monkeypatch.setattr(*PARTS[working], lambda _, ended, *__: done.append(ended))
    callback(CONTEXT)
    assert done == [status]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert {"topic": "nobody was told (SNS)", "metrics": "no metric was put (CloudWatch)"}[hanging] in warnings[0]
    assert f"ended as {status}" in warnings[0]


def test_both_together_take_no_longer_than_one(never: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in PARTS.values():
        monkeypatch.setattr(owner, name, lambda *_: never.wait(30))
    began = time.monotonic()
    callbacks.on_success(CONTEXT)
    assert time.monotonic() - began < 1.8
