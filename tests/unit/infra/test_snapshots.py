"""The resolved templates are equal to the reviewed snapshots."""

from __future__ import annotations

import pytest

from tests.unit.infra.snapshots import FOLDER, rendered

TEXTS = rendered()


@pytest.mark.parametrize("name", TEXTS)
def test_a_template_resolves_to_its_snapshot(name: str) -> None:
    """If this fails, run `make snapshots` and review the diff."""
    assert (FOLDER / name).read_text(encoding="utf-8") == TEXTS[name]


def test_every_snapshot_belongs_to_a_variant() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(TEXTS)
