"""The resolved templates are those that were reviewed last."""

from __future__ import annotations

import pytest

from tests.unit.infra.snapshots import FOLDER, rendered

TEXTS = rendered()


@pytest.mark.parametrize("name", TEXTS)
def test_a_change_shows_in_the_snapshot(name: str) -> None:
    """Run `make snapshots` and review the diff."""
    assert (FOLDER / name).read_text(encoding="utf-8") == TEXTS[name]


def test_no_snapshot_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(TEXTS)
