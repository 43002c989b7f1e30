"""Shorter times for tests of the delivery."""

from __future__ import annotations

import pytest

from engagement_jobs.delivery import token_refresh


@pytest.fixture(autouse=True)
def short_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the secret be read again after 0.3 s instead of 10 s."""
    monkeypatch.setattr(token_refresh, "_REFRESH_SECONDS", 0.3)
