"""How much each metric counts: one versioned JSON document, shipped beside this module.

A metric is a column of the extract. One is added or dropped by the document alone.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from engagement_jobs.contract.errors import WeightsError

TYPES = ("integer", "number")
"""What a metric's column must be: an integer of any width, or any number."""

_WANTED = {"type", "weight", "cap"}
# What a row has besides its metrics, on its way through the job.
_TAKEN = ("user_id", "reason", "score")


@dataclass(frozen=True)
class Weight:
    """A metric's share of the score and the value from which more does not count."""

    metric: str
    type: str
    weight: float
    cap: float


@dataclass(frozen=True)
class Weights:
    """All metrics of a version; `sha256` is that of the document's bytes."""

    version: str
    sha256: str
    metrics: tuple[Weight, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics' names."""
        return tuple(each.metric for each in self.metrics)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the extract that are read."""
        return ("user_id", *self.names)

    @classmethod
    def parse(cls, document: bytes) -> Weights:
        """Check a document; raise WeightsError that says all that is wrong with it."""
        parsed = _load(document)
        version, metrics = parsed.get("version"), parsed.get("metrics")
        wrong = [f"{name} is not known" for name in parsed.keys() - {"version", "metrics"}]
        if not isinstance(version, str) or not version.strip():
            wrong.append(f"version is {version!r}, wanted a text")
        if not isinstance(metrics, dict) or not metrics:
            wrong.append("metrics is missing or empty, wanted an object with one entry a metric")
            metrics = {}
        wrong += _names(list(metrics))
        wrong += (fault for name, entry in metrics.items() for fault in _entry(name, entry))
        if not wrong and not math.isclose(total := math.fsum(each["weight"] for each in metrics.values()), 1):
            wrong.append(f"the weights add up to {total:g}, wanted 1")
        if wrong:
            raise WeightsError(f"the weights document is not as it must be: {'; '.join(wrong)}")
        found = (
            Weight(name, each["type"], float(each["weight"]), float(each["cap"])) for name, each in metrics.items()
        )
        return cls(str(version), hashlib.sha256(document).hexdigest(), tuple(found))

    @classmethod
    def default(cls) -> Weights:
        """The document in the job archive."""
        return cls.parse((resources.files("engagement_jobs.scoring") / "weights.json").read_bytes())


def _load(document: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(document, object_pairs_hook=_without_twins)
    except ValueError as error:
        raise WeightsError(f"the weights document is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise WeightsError(f"the weights document is a {type(parsed).__name__}, wanted an object")
    return parsed


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice: of two weights for one metric, neither is known to be meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} stands there twice")
    return found


def _names(metrics: list[str]) -> list[str]:
    wrong = [
        f"metric {name!r} cannot be a column: wanted a letter, then letters, digits and underscores"
        for name in metrics
        if not (name.isascii() and name.isidentifier()) or name.startswith("_")
    ]
    wrong += [f"metric {name} is a name that the job itself gives" for name in metrics if name.lower() in _TAKEN]
    # Spark does not tell them apart.
    lower = [name.lower() for name in metrics]
    return wrong + [
        f"metric {name} is there in upper and lower case" for name in metrics if lower.count(name.lower()) > 1
    ]


def _entry(name: str, entry: Any) -> list[str]:
    if not isinstance(entry, dict) or entry.keys() != _WANTED:
        found = ", ".join(entry) if isinstance(entry, dict) else repr(entry)
        return [f"{name} has {found or 'nothing'}, wanted type, weight and cap"]
    wrong = []
    if entry["type"] not in TYPES:
        wrong.append(f"{name} has type {entry['type']!r}, wanted {' or '.join(TYPES)}")
    if not _is_number(entry["weight"]) or not 0 <= entry["weight"] <= 1:
        wrong.append(f"{name} has weight {entry['weight']!r}, wanted a number from 0 to 1")
    if not _is_number(entry["cap"]) or not 0 < entry["cap"] < 1e300:
        wrong.append(f"{name} has cap {str(entry['cap'])[:30]}, wanted a number above 0")
    return wrong


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
