"""The Glue script of the push job reports to the job whether a Glue workflow started it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from engagement_jobs.entrypoints import cli
from engagement_jobs.push import job

SCRIPT = Path(__file__).parents[3] / "glue_jobs" / "push_scores.py"


@pytest.mark.parametrize(
    ("argv", "in_workflow"),
    [
        (["push_scores.py", "--JOB_RUN_ID", "jr_1", "--run_id", "manual"], False),
        (
            ["push_scores.py", "--JOB_RUN_ID", "jr_1", "--WORKFLOW_NAME", "engagement", "--WORKFLOW_RUN_ID", "wr_1"],
            True,
        ),
    ],
)
def test_the_job_knows_who_started_it(monkeypatch: pytest.MonkeyPatch, argv: list[str], in_workflow: bool) -> None:
    calls: list[tuple[Any, bool]] = []
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(cli, "read_arguments", lambda kind: kind.__name__)
    monkeypatch.setattr(job, "run", lambda arguments, *, in_workflow: calls.append((arguments, in_workflow)))
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert calls == [("PushArguments", in_workflow)]
