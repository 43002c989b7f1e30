"""Snapshots of the resolved templates: `make snapshots` writes them, a test compares them, a reviewer reads the diff.

The snapshot of a template's default variant is complete; those of other variants contain only their differences.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.unit.infra.deployed import VARIANTS, Deployed, deployed

FOLDER = Path(__file__).with_name("snapshots")


def rendered() -> dict[str, str]:
    """Return the text of each snapshot by file name."""
    return {
        f"{name}.{variant}.yaml": _text(name, variant) for name, variants in VARIANTS.items() for variant in variants
    }


def _text(name: str, variant: str) -> str:
    made = deployed(name, variant)
    content = _content(made)
    if variant != "default":
        content = {"Parameters": VARIANTS[name][variant], **_difference(_content(deployed(name)), content)}
    return yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)


def _content(made: Deployed) -> dict[str, Any]:
    resources = {
        logical: {key: value for key, value in one.items() if key != "Condition"}
        for logical, one in made.resources.items()
    }
    return {"Resources": resources, "Outputs": made.outputs}


def _difference(before: Any, after: Any) -> Any:
    """Return what `after` adds and changes, recursively by mapping, and None for what it removes."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    changed = {key: _difference(before.get(key), value) for key, value in after.items() if before.get(key) != value}
    return changed | dict.fromkeys(key for key in before if key not in after)


def main() -> None:
    """Write every snapshot, and remove those of variants that no longer exist."""
    FOLDER.mkdir(exist_ok=True)
    texts = rendered()
    for path in FOLDER.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
