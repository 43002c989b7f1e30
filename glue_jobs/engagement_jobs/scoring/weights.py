"""The weights document: which metrics make up the score, and how much each counts.

It is a versioned JSON document; the default is next to this module. A metric is a column of the extract. To add or
remove a metric, change the document, not the code.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from importlib import resources
from typing import Any

from engagement_jobs.contract.errors import WeightsError
from engagement_jobs.contract.json_document import load_object

TYPES = ("integer", "number")
"""Type of a metric's column: an integer of any width, or any number."""
_ENTRY_KEYS = {"type", "weight", "cap"}
_RESERVED_NAMES = ("user_id", "reason", "score")
"""Other columns of a row within the job."""


@dataclass(frozen=True)
class ScoreMetric:
    """A metric and its part of the score.

    :param type: one of `TYPES`
    :param weight: share of the score, from 0 to 1
    :param cap: at this value and above, the metric counts in full
    """

    name: str
    type: str
    weight: float
    cap: float


@dataclass(frozen=True)
class Weights:
    """A weights document.

    :param sha256: of the document's bytes, in hex
    """

    version: str
    sha256: str
    metrics: tuple[ScoreMetric, ...]

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the extract that the job reads."""
        return ("user_id", *self.metric_names)

    @classmethod
    def default(cls) -> Weights:
        """Return the document in the job archive."""
        return cls.parse((resources.files("engagement_jobs.scoring") / "weights.json").read_bytes())

    @classmethod
    def parse(cls, document: bytes) -> Weights:
        """Parse and validate a document.

        :raises WeightsError: lists every fault
        """
        try:
            parsed = load_object(document)
        except ValueError as error:
            raise WeightsError(f"invalid weights document: {error}") from error
        faults = _find_faults(parsed)
        if faults:
            raise WeightsError(f"invalid weights document: {'; '.join(faults)}")
        metrics = (
            ScoreMetric(name, entry["type"], float(entry["weight"]), float(entry["cap"]))
            for name, entry in parsed["metrics"].items()
        )
        return cls(parsed["version"], hashlib.sha256(document).hexdigest(), tuple(metrics))


def _find_faults(document: dict[str, Any]) -> list[str]:
    faults = [f"unknown key {key}, expected version and metrics" for key in document.keys() - {"version", "metrics"}]
    version, metrics = document.get("version"), document.get("metrics")
    if not isinstance(version, str) or not version.strip():
        faults.append(f"version is {version!r}, expected a non-empty string")
    if not isinstance(metrics, dict) or not metrics:
        faults.append("metrics is missing or empty, expected an object with one entry per metric")
        return faults
    faults += _find_name_faults(list(metrics))
    for name, entry in metrics.items():
        faults += _find_entry_faults(name, entry)
    if not faults:
        total = math.fsum(entry["weight"] for entry in metrics.values())
        if not math.isclose(total, 1):
            faults.append(f"the sum of the weights is {total:g}, expected 1")
    return faults


def _find_name_faults(names: list[str]) -> list[str]:
    faults = []
    lowercase = [name.lower() for name in names]
    for name in names:
        if not (name.isascii() and name.isidentifier()) or name.startswith("_"):
            faults.append(f"metric name {name!r}: expected a letter, then letters, digits and underscores")
        if name.lower() in _RESERVED_NAMES:
            faults.append(f"metric name {name} is reserved")
        if lowercase.count(name.lower()) > 1:  # Spark ignores the case of column names
            faults.append(f"metric name {name} occurs in different cases")
    return faults


def _find_entry_faults(name: str, entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{name} is {entry!r}, expected an object with type, weight and cap"]
    if entry.keys() != _ENTRY_KEYS:
        return [f"{name} has the keys {', '.join(entry) or 'none'}, expected type, weight and cap"]
    faults = []
    if entry["type"] not in TYPES:
        faults.append(f"{name}: type is {entry['type']!r}, expected {' or '.join(TYPES)}")
    if not _is_number(entry["weight"]) or not 0 <= entry["weight"] <= 1:
        faults.append(f"{name}: weight is {entry['weight']!r}, expected a number from 0 to 1")
    if not _is_number(entry["cap"]) or not 0 < entry["cap"] < 1e300:
        faults.append(f"{name}: cap is {str(entry['cap'])[:30]}, expected a number greater than 0")
    return faults


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
