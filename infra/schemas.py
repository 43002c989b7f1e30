"""The JSON Schemas of the documents in docs/reference/data-contract.md, written from the Airflow side's models.

``make schemas`` writes them and the settings page. A test compares docs/reference/ with what this module returns.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema

from engagement.config.params import TriggerParams
from engagement.config.settings import Settings
from engagement.contract.aggregate import Aggregate
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.strict_model import StrictModel
from engagement.contract.summary import Summary
from infra import settings_page

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference" / "schemas"
DOCUMENTS: dict[str, type[StrictModel]] = {
    "aggregate": Aggregate,
    "delivery_manifest": DeliveryManifest,
    "params": TriggerParams,
    "scores_manifest": ScoresManifest,
    "settings": Settings,
    "summary": Summary,
}


class _JsonSchema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False  # pydantic would only repeat the field's name


def schema_text(model: type[StrictModel]) -> str:
    """Return the content of a model's schema file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(schema_generator=_JsonSchema),
    }
    for definition in (schema, *schema.get("$defs", {}).values()):
        if "description" in definition:
            # The first paragraph of the docstring. The rest documents the Python class.
            definition["description"] = definition["description"].partition("\n\n")[0]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all schemas and the settings page."""
    FOLDER.mkdir(exist_ok=True)
    for name, model in DOCUMENTS.items():
        (FOLDER / f"{name}.json").write_text(schema_text(model), encoding="utf-8")
    settings_page.PAGE.write_text(settings_page.page_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
