"""The schemas that AWS publishes for resource types, from the copy in cfn-lint."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

_SCHEMAS = files("cfnlint") / "data" / "schemas"


@cache
def schema(resource_type: str) -> dict[str, Any]:
    """Return the schema of a resource type."""
    types: dict[str, str] = json.loads((_SCHEMAS / "providers" / "us-east-1.json").read_text())
    document: dict[str, Any] = json.loads((_SCHEMAS / "resources" / f"{types[resource_type]}.json").read_text())
    return document
