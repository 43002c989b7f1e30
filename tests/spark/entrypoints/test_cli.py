"""Command lines of both jobs in the form that Glue uses, parsed by Glue's parser; workflow runs use the emulators."""

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
from tests.support.glue_emulators import Bucket
from tests.support.job_arguments import PUSH, SCORE

KEY = "activity/dt=2026-11-23/activity.parquet"
ACTIVITY_KEY = "activity/dt={score_date}/activity.parquet"
COMPLETE = b"PAR1" + b"meta" + (4).to_bytes(4, "little") + b"PAR1"
SCHEDULED = {"scheduled_time": "2026-11-23T03:30:00Z"}


def command_line(values: dict[str, str], *more: str) -> list[str]:
    options = [word for name, value in values.items() for word in (f"--{name}", value)]
    return ["job.py", "--JOB_NAME", "a job", *options, *more]


def in_workflow(kind: Any, given: dict[str, str], run_id: str = "wr_1", **changes: str) -> list[str]:
    """Return a job's command line in a workflow run: what the trigger passes, surrounded by what Glue adds."""
    names = [name for name in workflow_run.argument_names(kind.names()) if name in given]
    values = {"WORKFLOW_NAME": "engagement", "WORKFLOW_RUN_ID": run_id, "timezone": "UTC"}
    values |= {name: given[name] for name in names} | {"JOB_RUN_ID": given["JOB_RUN_ID"]} | changes
    return command_line(values, "--enable-metrics", "false", "--TempDir", "s3://artifacts/tmp")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the properties of the workflow run."""

    def start(**properties: str) -> None:
        runs = {("engagement", "wr_1"): properties}
        monkeypatch.setattr(aws, "read_run_properties", lambda *run: runs[run])

    return start


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 11, 24, 9, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr(cli, "datetime", Clock)


@pytest.mark.parametrize(("kind", "given"), [(ScoreArguments, SCORE), (PushArguments, PUSH)])
def test_all_arguments_are_required_outside_a_workflow(kind: Any, given: dict[str, str]) -> None:
    assert cli.read_arguments(kind, command_line(given, "--airflow_task_uuid", "0190")) == kind.parse(given)
    for name in kind.names():
        with pytest.raises(Exception, match=f"required: --{name}"):
            cli.read_arguments(kind, command_line({key: value for key, value in given.items() if key != name}))


def test_the_default_is_the_command_line_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", command_line(PUSH))
    assert cli.read_arguments(PushArguments) == PushArguments.parse(PUSH)


def test_the_push_job_derives_the_date_from_the_workflow_run(started: Any) -> None:
    started(**SCHEDULED)
    arguments = cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    derived = {"score_date": "2026-11-23", "run_id": "workflow__2026-11-23T03:30:00Z"}
    assert arguments == PushArguments.parse(PUSH | derived)


def test_manual_run_properties_replace_arguments(started: Any) -> None:
    started(**SCHEDULED, score_date="2026-11-01", push_mode="changed", limit="7", resend_delivered="true")
    arguments = cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    assert (arguments.score_date, arguments.push_mode, arguments.limit, arguments.resend_delivered) == (
        "2026-11-01",
        "changed",
        7,
        True,
    )
    assert arguments.max_requests_per_second == float(PUSH["max_requests_per_second"])


def test_the_push_job_refuses_an_old_date_by_default(started: Any) -> None:
    started(score_date="2026-11-01")
    with pytest.raises(WorkflowError, match="2026-11-01 is 23 days old"):
        cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    assert cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH, push_mode="dry_run"))


def test_manual_run_properties_are_validated_as_arguments(started: Any) -> None:
    started(**SCHEDULED, limit="0", push_mode="everything")
    with pytest.raises(ArgumentError, match=r"--push_mode is 'everything'.*--limit is '0'"):
        cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))


@pytest.mark.parametrize("missing", ["timezone", "activity_bucket", "activity_key", "weights_uri"])
def test_a_trigger_must_pass_all_other_arguments(missing: str, started: Any) -> None:
    started(**SCHEDULED)
    options = in_workflow(ScoreArguments, SCORE, activity_bucket="in", activity_key=ACTIVITY_KEY)
    position = options.index(f"--{missing}")
    with pytest.raises(Exception, match=f"required: --{missing}"):
        cli.read_arguments(ScoreArguments, options[:position] + options[position + 2 :])


@pytest.mark.parametrize("key", ["activity/a.parquet", "{score_date}/*", "{score_date}/{hour}"])
def test_a_wrong_activity_key_is_refused_at_once(key: str, started: Any) -> None:
    started(**SCHEDULED)
    options = in_workflow(ScoreArguments, SCORE, activity_bucket="no-such-bucket", activity_key=key)
    with pytest.raises(ArgumentError, match=r"--activity_key is .*, expected an S3 key with the date as"):
        cli.read_arguments(ScoreArguments, options)


def test_the_scoring_job_derives_its_extract(bucket: Bucket, started: Any) -> None:
    etag = bucket.put(KEY, COMPLETE)
    started(**SCHEDULED)
    options = in_workflow(ScoreArguments, SCORE, activity_bucket=bucket.name, activity_key=ACTIVITY_KEY)
    assert cli.read_arguments(ScoreArguments, options) == ScoreArguments.parse(
        SCORE
        | {
            "score_date": "2026-11-23",
            "scored_at": "2026-11-23T03:30:00Z",
            "run_id": "workflow__2026-11-23T03:30:00Z",
            "input_uri": f"s3://{bucket.name}/{KEY}",
            "input_etags": json.dumps({KEY: etag}),
        }
    )


def test_the_scoring_job_names_the_missing_extract(bucket: Bucket, started: Any) -> None:
    started(**SCHEDULED)
    options = in_workflow(ScoreArguments, SCORE, activity_bucket=bucket.name, activity_key=ACTIVITY_KEY)
    with pytest.raises(ExtractError) as error:
        cli.read_arguments(ScoreArguments, options)
    assert str(error.value) == (
        f"s3://{bucket.name}/{KEY} does not exist: the extract has not arrived. Upload it, then start the workflow "
        "engagement again with the run properties scheduled_time=2026-11-23T03:30:00Z."
    )
    bucket.put(KEY, COMPLETE[:-1])
    with pytest.raises(ExtractError, match="is truncated"):
        cli.read_arguments(ScoreArguments, options)


def test_the_log_names_the_run_and_how_to_repeat_it(started: Any) -> None:
    started(**SCHEDULED)
    with pytest.MonkeyPatch.context() as patch:
        messages: list[str] = []
        patch.setattr(cli.log, "info", lambda text, *args: messages.append(text % args))
        cli.read_arguments(PushArguments, in_workflow(PushArguments, PUSH))
    assert "wr_1" in messages[0]
    assert "workflow__2026-11-23T03:30:00Z" in messages[1]
    assert "start the workflow engagement again" in messages[1]
