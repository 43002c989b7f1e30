"""The generated reference pages match the models."""

from __future__ import annotations

import dataclasses
import re

import pytest

from engagement.config.dag_config import DagConfig
from engagement.config.params import TriggerParams
from engagement.config.settings import Settings
from infra import schemas, settings_page


@pytest.mark.parametrize("name", schemas.DOCUMENTS)
def test_a_schema_is_up_to_date(name: str) -> None:
    written = (schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert written == schemas.schema_text(schemas.DOCUMENTS[name]), "run make schemas"


def test_every_schema_file_belongs_to_a_document() -> None:
    assert {path.stem for path in schemas.FOLDER.iterdir()} == set(schemas.DOCUMENTS)


def test_the_settings_page_is_up_to_date() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page_text(), "run make schemas"


def test_the_settings_page_has_one_complete_row_per_name() -> None:
    rows = [line.split(" | ") for line in settings_page.page_text().splitlines() if line.startswith("| `")]
    options = [option.name for option in dataclasses.fields(DagConfig)]
    names = [*Settings.model_fields, *TriggerParams.model_fields, *options]
    assert sorted(re.sub("[|` ]", "", row[0]) for row in rows) == sorted(names)
    assert all(len(row) == 4 and all(cell.strip() for cell in row) for row in rows)
