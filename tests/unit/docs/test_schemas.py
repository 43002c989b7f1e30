"""The JSON Schemas under version control match the models."""

from __future__ import annotations

import pytest

from infra import schemas


@pytest.mark.parametrize("name", schemas.DOCUMENTS)
def test_schema_is_up_to_date(name: str) -> None:
    written = (schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert written == schemas.schema_text(schemas.DOCUMENTS[name]), "run make schemas"


def test_every_schema_file_belongs_to_a_document() -> None:
    assert {path.stem for path in schemas.FOLDER.iterdir()} == set(schemas.DOCUMENTS)
