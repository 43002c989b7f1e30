"""Both jobs' command lines as Glue writes them, with Glue's own parser; in a workflow run against the stand-ins."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from engagement_jobs.common import aws
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.contract.errors import ArgumentError, ExtractError, WorkflowError
from engagement_jobs.entrypoints import cli, workflow_run
from tests.support.glue_world import Bucket
from tests.support.job_arguments import PUSH, SCORE

KEY = "activity/dt=2026-11-23/activity.parquet"
PATTERN = "activity/dt={score_date}/activity.parquet"
WHOLE = b"PAR1" + b"meta" + (4).to_bytes(4, "little") + b"PAR1"
SCHEDULED = {"scheduled_time": "2026-11-23T03:30:00Z"}


def line(values: dict[str, str], *more: str) -> list[str]:
    return ["job.py", "--JOB_NAME", "a job", *(word for n, v in values.items() for word in (f"--{n}", v)), *more]


def in_workflow(kind: Any, given: dict[str, str], run_id: str = "wr_1", **changes: str) -> list[str]:
    """The command line of a workflow's job: what its trigger passes, in the middle of what Glue adds."""
    names = [name for name in workflow_run.argument_names(kind.names()) if name in given]
    values = {"WORKFLOW_NAME": "engagement", "WORKFLOW_RUN_ID": run_id, "timezone": "UTC"}
    values |= {name: given[name] for name in names} | {"JOB_RUN_ID": given["JOB_RUN_ID"]} | changes
    return line(values, "--enable-metrics", "false", "--TempDir", "s3://artifacts/tmp")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives the workflow run these properties."""

    def start(**properties: str) -> None:
        runs = {("engagement", "wr_1"): properties}
        monkeypatch.setattr(aws, "read_run_properties", lambda *asked: runs[asked])

    return start


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 11, 24, 9, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr(cli, "datetime", Clock)


@pytest.mark.parametrize(("kind", "given"), [(ScoreArguments, SCORE), (PushArguments, PUSH)])
def test_everything_is_passed_outside_a_workflow(kind: Any, given: dict[str, str]) -> None:
    assert cli.read_arguments(kind, line(given, "--airflow_task_uuid", "0190")) == kind.parse(given)
    for name in kind.names():
        with pytest.raises(Exception, match=f"required: --{name}"):
            cli.read_arguments(kind, line({key: value for key, value in given.items() if key != name}))


def test_reads_its_own_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", line(PUSH))
    assert cli.read_arguments(PushArguments) == PushArguments.parse(PUSH)


def test_job_2_takes_the_day_from_the_workflow_run(started: Any) -> None:
    started(**SCHEDULED)
    found = cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    derived = {"score_date": "2026-11-23", "run_id": "workflow__2026-11-23T03:30:00Z"}
    assert found == PushArguments.parse(PUSH | derived)


def test_job_2_obeys_what_was_chosen_by_hand(started: Any) -> None:
    started(**SCHEDULED, score_date="2026-11-01", push_mode="changed", limit="7", resend_delivered="true")
    found = cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    assert (found.score_date, found.push_mode, found.limit, found.resend_delivered) == (
        "2026-11-01",
        "changed",
        7,
        True,
    )
    assert found.max_requests_per_second == float(PUSH["max_requests_per_second"])


def test_job_2_refuses_an_old_date_that_nobody_chose_to_send(started: Any) -> None:
    started(score_date="2026-11-01")
    with pytest.raises(WorkflowError, match="2026-11-01 is 23 days old"):
        cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    assert cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH, push_mode="dry_run"))


def test_what_is_chosen_is_checked_as_an_argument_is(started: Any) -> None:
    started(**SCHEDULED, limit="0", push_mode="everything")
    with pytest.raises(ArgumentError, match=r"--push_mode is 'everything'.*--limit is '0'"):
        cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))


@pytest.mark.parametrize("missing", ["timezone", "activity_bucket", "activity_key", "weights_uri"])
def test_a_trigger_must_pass_the_rest(missing: str, started: Any) -> None:
    started(**SCHEDULED)
    words = in_workflow(ScoreArguments, SCORE, activity_bucket="in", activity_key=PATTERN)
    at = words.index(f"--{missing}")
    with pytest.raises(Exception, match=f"required: --{missing}"):
        cli.read_arguments(ScoreArguments, words[:at] + words[at + 2 :])


def test_job_1_finds_its_extract(bucket: Bucket, started: Any) -> None:
    etag = bucket.put(KEY, WHOLE)
    started(**SCHEDULED)
    words = in_workflow(ScoreArguments, SCORE, activity_bucket=bucket.name, activity_key=PATTERN)
    assert cli.read_arguments(ScoreArguments, words) == ScoreArguments.parse(
        SCORE
        | {
            "score_date": "2026-11-23",
            "scored_at": "2026-11-23T03:30:00Z",
            "run_id": "workflow__2026-11-23T03:30:00Z",
            "input_uri": f"s3://{bucket.name}/{KEY}",
            "input_etags": json.dumps({KEY: etag}),
        }
    )


def test_job_1_says_which_extract_is_missing_and_what_to_do(bucket: Bucket, started: Any) -> None:
    started(**SCHEDULED)
    words = in_workflow(ScoreArguments, SCORE, activity_bucket=bucket.name, activity_key=PATTERN)
    with pytest.raises(ExtractError) as refusal:
        cli.read_arguments(ScoreArguments, words)
    assert str(refusal.value) == (
        f"s3://{bucket.name}/{KEY} does not exist: the day's extract has not come. Upload it, then start the workflow "
        "engagement again with the run properties scheduled_time=2026-11-23T03:30:00Z."
    )
    bucket.put(KEY, WHOLE[:-1])
    with pytest.raises(ExtractError, match="cut off"):
        cli.read_arguments(ScoreArguments, words)


def test_the_log_says_which_run_it_is(started: Any) -> None:
    started(**SCHEDULED)
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(cli.log, "info", lambda text, *args: said.append(text % args))
        cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    assert "wr_1" in said[0]
    assert "workflow__2026-11-23T03:30:00Z" in said[1]
    assert "start the workflow engagement again" in said[1]
