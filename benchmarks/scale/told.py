"""What a side's code says: `python -m benchmarks.scale.told MODULE:NAME/NAME ...`, one JSON list.

Runs in that side's own environment. Each name is an attribute of the one before, or a key of it.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from collections.abc import Mapping
from typing import Any


def told(place: str) -> Any:
    """What lies at `module:name/name`."""
    module, _, names = place.partition(":")
    return functools.reduce(_step, names.split("/"), importlib.import_module(module))


def _step(thing: Any, name: str) -> Any:
    return thing[name] if isinstance(thing, Mapping) else getattr(thing, name)


if __name__ == "__main__":
    print(json.dumps([told(place) for place in sys.argv[1:]]))
