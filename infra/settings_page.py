"""The page docs/reference/settings.md: settings, params and parse-time options, written from the code that reads them.

``make schemas`` writes it, and a test compares it with what this module returns.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from engagement.config.dag_config import DagConfig, expected_option
from engagement.config.params import TriggerParams
from engagement.config.settings import Settings
from engagement.contract.expected import expected_value
from engagement.contract.strict_model import StrictModel

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"

_SETTINGS = """\
# Settings

<!-- Written by `make schemas`. Edit the descriptions in plugins/engagement/config/ instead. -->

The [configuration guide](../guides/configuration.md) explains where to set them.

## Variable

Airflow Variable `engagement`, one JSON object. Tasks read it when they start. Settings without a default are required.
*Earlier dates* are the 14 latest ones before the score date. `check_scores` needs at least three of them to compare.
"""
_PARAMS = """\
## Params

Choices for one run, in the trigger form or in its configuration.
"""
_OPTIONS = """\
## Parse-time options

Section `[engagement]` of Airflow's configuration. Airflow reads them when it parses the DAG file.
"""


def page_text() -> str:
    """Return the page as Markdown."""
    return "\n".join(
        [
            _SETTINGS,
            _table("setting", _model_rows(Settings)),
            _PARAMS,
            _table("param", _model_rows(TriggerParams)),
            _OPTIONS,
            _table("option", _option_rows()).rstrip("\n") + "\n",
        ]
    )


def _table(title: str, rows: Iterable[tuple[str, str, str, str]]) -> str:
    lines = [f"| {title} | allowed values | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {values} | {default} | {meaning} |" for name, values, default, meaning in rows]
    return "\n".join(lines) + "\n"


def _model_rows(model: type[StrictModel]) -> Iterable[tuple[str, str, str, str]]:
    # Own fields first: required settings come before the inherited ones.
    own = [name for name in model.model_fields if name in model.__annotations__]
    inherited = [name for name in model.model_fields if name not in own]
    for name in own + inherited:
        field = model.model_fields[name]
        yield name, expected_value(field) or "", _default(field), field.description or ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "empty" if field.default in ("", None) else f"`{_plain(field.default)}`"


def _option_rows() -> Iterable[tuple[str, str, str, str]]:
    for option in dataclasses.fields(DagConfig):
        default = "empty" if option.default == "" else f"`{_plain(option.default)}`"
        yield option.name, expected_option(option), default, option.metadata["description"]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
