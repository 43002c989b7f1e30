"""Writes extracts: each line of standard input is a path, a tab, and the file as JSON; the answer is an empty line.

`.venv-writers/bin/python -m tests.writers FOLDER` writes all files of the corpus and an index with what is expected.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from tests.writers import corpus, damage, programs
from tests.writers.spec import File


def write(file: File, path: Path) -> None:
    """Write a file, then damage it."""
    if file.writer == "spark":
        pass  # the caller has Spark and wrote it already
    else:
        with warnings.catch_warnings(action="ignore"):  # what the programs say about each other is not our concern
            programs.write(file, path)
    if file.damage:
        damage.apply(path, **file.damage)


def serve() -> None:
    """Write what the lines request until standard input ends. An error is answered with one line."""
    for line in sys.stdin:
        path, _, text = line.partition("\t")
        try:
            write(File.from_json(text), Path(path))
        except Exception as error:  # noqa: BLE001 - goes to the test that sent the request
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
        else:
            print(flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        corpus.write_all(Path(sys.argv[1]), write)
    else:
        serve()
