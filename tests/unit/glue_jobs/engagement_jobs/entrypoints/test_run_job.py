"""What a job prints and raises when it ends with an error."""

from __future__ import annotations

import traceback

import pytest

from engagement_jobs.common.error_lines import describe
from engagement_jobs.contract.errors import JobError, SchemaError, UnexpectedError
from engagement_jobs.entrypoints import cli

JAVA = """An error occurred while calling o490.csv.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed 4 times: java.io.IOException: slow
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2898)
Caused by: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows.
\tSuppressed: java.lang.Exception: not a cause
\t\tCaused by: java.lang.Exception: not a cause either
Caused by: java.io.IOException: No space  left on device.
\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)
\t... 17 more
"""
LOST = """An error occurred while calling o1.count.
: org.apache.spark.SparkException: Job aborted: ExecutorLostFailure (executor 2 exited) Reason: Container killed
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2898)
"""


def fail(error: BaseException) -> BaseException:
    def job() -> None:
        raise error

    with pytest.raises(type(error) if isinstance(error, JobError) else UnexpectedError) as raised:
        cli.run_job(job)
    return raised.value


def test_an_error_of_the_job_is_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = SchemaError("s3://b/k: column user_id is missing")
    error.__context__ = ValueError("what Spark said\nin many lines")
    assert fail(error) is error
    assert capsys.readouterr().err == "SchemaError: s3://b/k: column user_id is missing\n"
    # Glue prints the rest: no cause, and no line below the command line.
    printed = traceback.format_exception(error)
    assert "what Spark said" not in "".join(printed)
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][1:] == ["run_job"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError(JAVA), "RuntimeError: java.io.IOException: No space left on device"),
        (
            RuntimeError(LOST),
            "RuntimeError: org.apache.spark.SparkException: Job aborted: ExecutorLostFailure (executor 2 exited) "
            "Reason: Container killed",
        ),
        (KeyError("user_id"), "KeyError: 'user_id'"),
        (ValueError("two\nlines"), "ValueError: two"),
        (ValueError("type \x0f, Zoë"), "ValueError: type \\x0f, Zoë"),
        (ValueError(), "ValueError: no message"),
        (ValueError("x" * 1_000), "ValueError: " + "x" * 300),
    ],
)
def test_any_other_error_is_one_line_before_its_trace(
    capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    assert describe(error) == line
    raised = fail(error)
    first, *trace = capsys.readouterr().err.splitlines()
    assert first == f"UnexpectedError: {line}. The trace is in the error log of this run."
    assert str(raised) == first.removeprefix("UnexpectedError: ")
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-1] in "".join(traceback.format_exception(error))
    assert "".join(traceback.format_exception(raised)).count("Error: ") == 1 + line.count("Error: ")


def test_the_exit_of_a_job_is_left_alone() -> None:
    def job() -> None:
        raise SystemExit(2)

    with pytest.raises(SystemExit):
        cli.run_job(job)


def test_a_job_that_succeeds_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run_job(lambda: {"rows": 1})
    assert capsys.readouterr() == ("", "")
