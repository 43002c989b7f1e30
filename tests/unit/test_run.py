"""The runner of the test tiers: its closing line and exit code are true however a part ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests import run

PASSES = "def test_it(): pass\n"


@pytest.mark.parametrize(
    ("source", "passed", "failed"),
    [
        (PASSES, 1, 0),
        (PASSES + "def test_wrong(): assert 0\n", 1, 1),
        ("import os\ndef test_it(): os.write(1, bytes([255, 10]))\n", 1, 0),
        ("import a_module_that_does_not_exist\n", 0, 1),
        ("", 0, 1),
        ("import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)\n", 0, 1),
        ("import os\ndef test_it(): os._exit(0)\n", 0, 1),
    ],
    ids=["passes", "fails", "prints bytes", "no import", "no tests", "killed", "leaves with 0"],
)
def test_a_part_counts_as_it_ended(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    passed: int,
    failed: int,
) -> None:
    tests = tmp_path / "test_part.py"
    tests.write_text(source)
    # Without the project's configuration and plugins: each is a process of its own.
    part = run.Part(sys.prefix, ("-s", "-c", "/dev/null", f"--rootdir={tmp_path}", str(tests)))
    monkeypatch.setattr(run, "PARTS", {"part": part})
    monkeypatch.setattr(sys, "argv", ["run", "part"])
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert run.main() == failed
    assert capsys.readouterr().out.splitlines()[-1] == f"{passed} passed, {failed} failed"
