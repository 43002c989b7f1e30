"""How much each metric counts: one versioned JSON document, shipped beside this module."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from importlib import resources

METRICS = ("login_count", "items_viewed", "time_spent_minutes", "cart_additions")


class WeightsError(ValueError):
    """The weights document is not valid."""


@dataclass(frozen=True)
class Weight:
    """A metric's share of the score and the value from which more does not count."""

    metric: str
    weight: float
    cap: float


@dataclass(frozen=True)
class Weights:
    """All metrics of a version; `sha256` is that of the document's bytes."""

    version: str
    sha256: str
    metrics: tuple[Weight, ...]

    @classmethod
    def parse(cls, document: bytes) -> Weights:
        """Check a document; raise WeightsError that says what is wrong with it."""
        try:
            parsed = json.loads(document)
            version = parsed["version"]
            metrics = tuple(
                Weight(name, float(entry["weight"]), float(entry["cap"])) for name, entry in parsed["metrics"].items()
            )
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise WeightsError(
                'the weights are not {"version": text, "metrics": {name: {"weight": number, "cap": number}}}: '
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(version, str) or not version:
            raise WeightsError(f"the weights' version is {version!r}, wanted a text")
        if {weight.metric for weight in metrics} != set(METRICS):
            found = ", ".join(sorted(weight.metric for weight in metrics))
            raise WeightsError(f"the weights name the metrics {found}; wanted {', '.join(METRICS)}")
        for weight in metrics:
            if not 0 <= weight.weight <= 1 or not 0 < weight.cap < math.inf:
                raise WeightsError(
                    f"{weight.metric} has weight {weight.weight} and cap {weight.cap}; wanted 0 to 1 and above 0"
                )
        total = math.fsum(weight.weight for weight in metrics)
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise WeightsError(f"the weights sum to {total}, wanted 1")
        return cls(version, hashlib.sha256(document).hexdigest(), metrics)

    @classmethod
    def default(cls) -> Weights:
        """The document in the job archive."""
        return cls.parse((resources.files("engagement_jobs") / "weights.json").read_bytes())
