"""What other benchmarks measured, as far as the paper is made of it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LATENCY_MS = 50
_ROWS = (1_000_000, 10_000_000)


@dataclass(frozen=True)
class Measured:
    """Seconds of the wall clock, unless they are called CPU seconds; those of job 1 are of good rows alone.

    :param records_per_second: of one push task, where an answer takes `latency_ms`
    :param hash_seconds_10m: what Spark takes to count ten million hashes, where job 1's driver no longer does

    The defaults are what docs/performance.md, docs/performance-score.md and decision 77 told in November 2026.
    """

    latency_ms: float = _LATENCY_MS
    records_per_second: float = 2290
    cpu_seconds_per_10_000: float = 0.77
    score_seconds_1m: float = 15.86
    score_seconds_10m: float = 34.02
    hash_seconds_10m: float = 10

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> Measured:
        """From the results of `push` and `score`; the default where one of them has not been measured.

        :param results: what was measured, by part; each has it in `found`
        """
        found: dict[str, float] = {}
        if "push" in results:
            races = {race["latency_ms"]: race["rounds"] for race in results["push"]["found"]["races"]}
            found["records_per_second"] = statistics.median(each["ours"]["rate"] for each in races[_LATENCY_MS])
            found["cpu_seconds_per_10_000"] = statistics.median(each["ours"]["cpu"] for each in races[0])
        if "score" in results:
            sizes = {size["rows"]: size["rounds"] for size in results["score"]["found"]["sizes"]}
            for name, rows in zip(("score_seconds_1m", "score_seconds_10m"), _ROWS, strict=True):
                found[name] = statistics.median(each["ours"]["wall"] for each in sizes[rows])
        return cls(**found)
