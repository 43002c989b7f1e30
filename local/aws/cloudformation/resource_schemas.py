"""What AWS publishes about each resource type, out of cfn-lint's copy: which types there are, what replaces one."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

_SCHEMAS = files("cfnlint") / "data" / "schemas"


@cache
def _types() -> dict[str, str]:
    found: dict[str, str] = json.loads((_SCHEMAS / "providers" / "us-east-1.json").read_text())
    return found


@cache
def schema(resource_type: str) -> dict[str, Any] | None:
    """The type's schema, or None when AWS has no such type."""
    name = _types().get(resource_type)
    if name is None:
        return None
    found: dict[str, Any] = json.loads((_SCHEMAS / "resources" / f"{name}.json").read_text())
    return found


def paths(resource_type: str, kind: str) -> list[tuple[str, ...]]:
    """Paths of a list in the schema, such as `createOnlyProperties`, each as names from the properties down."""
    listed = (schema(resource_type) or {}).get(kind, [])
    return [tuple(path.removeprefix("/properties/").split("/")) for path in listed]


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Names of the properties that differ."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def forces_replacement(resource_type: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Names of the changed properties that a resource of this type cannot change in place."""
    fixed = [path for path in paths(resource_type, "createOnlyProperties") if _at(old, path) != _at(new, path)]
    return sorted({path[0] for path in fixed})


def _at(properties: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(properties, dict):
            return None
        properties = properties.get(name)
    return properties
