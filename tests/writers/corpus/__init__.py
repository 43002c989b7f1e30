"""The corpus: extracts as the world writes them, each with the result that is expected of the scoring job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.writers.corpus import columns, damaged, layouts, parts, types, warehouses
from tests.writers.expected import expect
from tests.writers.spec import File

CASES = [*layouts.CASES, *types.CASES, *columns.CASES, *parts.CASES, *damaged.CASES, *warehouses.CASES]


def write_all(folder: Path, write: Callable[[File, Path], None]) -> None:
    """Write all files that need no Spark, and an index of the cases with what is expected.

    :param folder: gets a folder for each case
    """
    index = []
    for number, case in enumerate(CASES):
        place = folder / f"{number:03}"
        placed = [
            *((file, case.folder + file.name) for file in case.files),
            *((file, file.name) for file in case.bystanders),
        ]
        for file, name in placed:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            if file.writer != "spark":
                write(file, place / name)
        entry: dict[str, Any] = {"folder": place.name, "group": case.group, "name": case.name}
        entry |= {"files": {case.folder + file.name: str(file) for file in case.files}}
        entry |= {"refused": case.refused, "refused_by_spark_3": case.refused_by_spark_3}
        if case.refused is None:
            expected = expect(case.files)
            entry |= {"rows": expected.counts, "scores": expected.scores, "reasons": expected.reasons}
        index.append(entry)
    (folder / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False))
