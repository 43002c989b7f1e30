from __future__ import annotations

import time

import pytest

from infra.deploy.releases import git_source
from infra.deploy.releases.packaging import build_release
from infra.deploy.releases.release import Release
from tests.unit.infra.deploy.checkout import Checkout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout") / "repository")


@pytest.fixture(scope="session")
def packaged(checkout: Checkout) -> Release:
    """The release of the checkout."""
    commit = git_source.head_commit(checkout.folder)
    return build_release(commit, git_source.committed_files(checkout.folder, commit))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
