"""The scores manifest, which the scoring job writes last; see docs/reference/data-contract.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.scoring.weights import Weights


def scores_manifest(
    arguments: ScoreArguments,
    *,
    read: Mapping[str, int],
    rows: Mapping[str, int],
    reasons: Mapping[str, int],
    samples: Mapping[str, Sequence[Mapping[str, Any]]],
    histogram: Sequence[int],
    files: Sequence[tuple[str, int]],
    sha256: str,
    weights: Weights,
) -> dict[str, Any]:
    """Build the scores manifest.

    :param read: number of rows by key of the extract's file
    :param rows: numbers of rows: `input`, `scored`, `invalid`, `deduplicated`
    :param samples: for each reason, the metrics of one or two rows that are invalid for it
    :param files: name and size in bytes of each CSV file
    :param sha256: over the bytes of the files in the order of their names, in hex
    """
    return {
        "version": 1,
        "run_id": arguments.run_id,
        "job_run_id": arguments.job_run_id,
        "score_date": arguments.score_date,
        "scored_at": arguments.scored_at,
        "input": [{"key": key, "etag": etag, "rows": read[key]} for key, etag in arguments.input_etags.items()],
        "rows": dict(rows),
        "reasons": dict(reasons),
        "samples": {reason: list(rows) for reason, rows in samples.items()},
        "files": [{"name": name, "bytes": size} for name, size in files],
        "sha256": sha256,
        "weights": {"version": weights.version, "sha256": weights.sha256},
        "histogram": list(histogram),
    }
