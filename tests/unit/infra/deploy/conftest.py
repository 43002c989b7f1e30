from __future__ import annotations

import time

import pytest

from infra.deploy import source
from infra.deploy.package import release
from infra.deploy.release import Release
from tests.unit.infra.deploy.checkout import Checkout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout") / "repository")


@pytest.fixture(scope="session")
def packaged(checkout: Checkout) -> Release:
    """The release of what would be committed now."""
    commit = source.head(checkout.folder)
    return release(commit, source.files(checkout.folder, commit))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
