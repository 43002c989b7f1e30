"""The scores manifest, key by key; see docs/reference/data-contract.md. The scoring job writes it last."""

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
    """What job 1 wrote.

    :param read: rows by the key of each file of the extract
    :param rows: `input`, `scored`, `rejected`, `deduplicated`
    :param samples: for each reason, the metrics of one or two rows that were rejected for it
    :param files: name and bytes of each CSV file
    :param sha256: over the bytes of the files in order of name
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
