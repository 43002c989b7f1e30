"""SNS message and metrics are published in parallel, neither waits for the other, and both have a timeout."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from engagement.notifications import callbacks, metrics

PUBLISHERS: dict[str, tuple[Any, str]] = {"notification": (callbacks, "_notify"), "metrics": (metrics, "put")}
CALLBACKS: list[tuple[Callable[[Any], None], str]] = [
    (callbacks.on_success, "success"),
    (callbacks.on_failure, "failed"),
]
CONTEXT: Any = {"ti": SimpleNamespace(state="failed", hostname="worker", try_number=1, max_tries=3)}


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An event that is set only when the test is over."""
    monkeypatch.setattr(callbacks, "TIMEOUT_SECONDS", 1.0)
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(("callback", "status"), CALLBACKS)
@pytest.mark.parametrize(("hanging", "working"), [("notification", "metrics"), ("metrics", "notification")])
def test_a_hanging_publisher_does_not_block_the_other(
    never: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    callback: Callable[[Any], None],
    status: str,
    hanging: str,
    working: str,
) -> None:
    published: list[str] = []
    monkeypatch.setattr(*PUBLISHERS[hanging], lambda *_: never.wait(30))
    monkeypatch.setattr(*PUBLISHERS[working], lambda _, ended, *__: published.append(ended))
    callback(CONTEXT)
    assert published == [status]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert f"while publishing the run {hanging} (status={status})" in warnings[0]


def test_both_publishers_share_one_timeout(never: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in PUBLISHERS.values():
        monkeypatch.setattr(owner, name, lambda *_: never.wait(30))
    started = time.monotonic()
    callbacks.on_success(CONTEXT)
    assert time.monotonic() - started < 1.8
