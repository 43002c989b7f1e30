"""The files of scores against their manifest."""

from __future__ import annotations

import pytest

from engagement.checks.scores_check import check_files
from tests.unit.plugins.engagement.run_factory import scores_manifest

FILES = {"part-0.csv": 10, "part-1.csv": 20}
MANIFEST = scores_manifest(files=[{"name": name, "bytes": size} for name, size in FILES.items()])


@pytest.mark.parametrize(
    ("sizes", "problems"),
    [
        (FILES, []),
        ({"part-0.csv": 10}, ["part-1.csv is in the manifest but not in the folder"]),
        ({}, ["part-0.csv, part-1.csv are in the manifest but not in the folder"]),
        ({**FILES, "part-9.csv": 1}, ["part-9.csv is in the folder but not in the manifest"]),
        (
            {**FILES, **{f"x{i}": 1 for i in range(5)}},
            ["x0, x1, x2 and 2 more are in the folder but not in the manifest"],
        ),
        ({**FILES, "part-1.csv": 19}, ["part-1.csv has 19 bytes, expected 20 as in the manifest"]),
    ],
)
def test_every_difference_is_a_problem(sizes: dict[str, int], problems: list[str]) -> None:
    result = check_files(MANIFEST, sizes)
    assert (result.problems, result.passed) == (problems, ["2 files match the manifest", "rows add up"])
