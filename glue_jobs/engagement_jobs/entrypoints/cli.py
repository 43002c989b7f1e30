"""The command line of a job, started by Airflow or by a Glue workflow.

Airflow passes every argument of the contract. In a workflow run, Glue passes the arguments of the trigger; the job
derives the others from the run properties and, in the scoring job, from the extract.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from engagement_jobs.common import aws, log_setup
from engagement_jobs.common.error_lines import describe
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments, check_activity_key
from engagement_jobs.contract.errors import JobError, UnexpectedError
from engagement_jobs.contract.s3_keys import activity_key
from engagement_jobs.entrypoints import workflow_run
from engagement_jobs.entrypoints.extract_check import check_extract
from engagement_jobs.entrypoints.workflow_run import WorkflowRun

Arguments = TypeVar("Arguments", ScoreArguments, PushArguments)

log = logging.getLogger("engagement.cli")


def run_job(job: Callable[[], object]) -> None:
    """Run a job; if it fails, print what happened as one line and end with an error of one line.

    Glue also prints the error with its trace and makes it the ErrorMessage of the run.

    :raises JobError: what ended the job
    """
    try:
        job()
    except JobError as error:
        # The trace is removed: it only shows where the job checks what the message says.
        raise _printed(error).with_traceback(None) from None
    except Exception as error:  # noqa: BLE001 - whatever ends the job gets its line
        unexpected = _printed(UnexpectedError(f"{describe(error)}. The trace is in the error log of this run."))
        traceback.print_exception(error)
        raise unexpected from None


def _printed(error: JobError) -> JobError:
    sys.stderr.write(f"{type(error).__name__}: {error}\n")
    return error


def read_arguments(kind: type[Arguments], argv: Sequence[str] | None = None) -> Arguments:
    """Read and validate the arguments of a job.

    :param kind: the arguments of the job
    :param argv: the command line; by default that of this process
    :raises ArgumentError: an argument is invalid
    :raises WorkflowError: in a workflow run: the run properties are invalid, or the date is too old to push
    :raises ExtractError: in a workflow run: the extract is missing or incomplete; nothing was changed
    """
    command_line = list(sys.argv if argv is None else argv)
    if workflow_run.is_workflow_run(command_line):
        return _read_in_workflow(kind, command_line)
    return kind.parse(_resolve_options(command_line, kind.names()))


def _read_in_workflow(kind: type[Arguments], command_line: Sequence[str]) -> Arguments:
    """Read what the trigger passes, and derive the other arguments."""
    log_setup.log_to_stdout()
    declared = kind.names()
    passed = _resolve_options(command_line, workflow_run.argument_names(declared))
    if "input_uri" in declared:
        check_activity_key(passed["activity_key"])
    workflow, run_id = passed[workflow_run.WORKFLOW_NAME], passed[workflow_run.WORKFLOW_RUN_ID]
    run = WorkflowRun(workflow, run_id, passed["timezone"], aws.read_run_properties(workflow, run_id))
    log.info("workflow run %s of %s, run properties %s", run_id, workflow, dict(run.properties))
    values = passed | run.derive_arguments()
    if "push_mode" in declared:
        run.check_age(values["score_date"], values["push_mode"], datetime.now(UTC))
    if "input_uri" in declared:
        key = activity_key(passed["activity_key"], values["score_date"])
        values |= check_extract(aws.Store(passed["activity_bucket"]), key, run.rerun_instructions)
    arguments = kind.parse(values)
    log.info("score date %s, run id %s; to repeat, %s", arguments.score_date, arguments.run_id, run.rerun_instructions)
    return arguments


def _resolve_options(command_line: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the values of `names`. Glue's parser ignores other arguments and fails if one is missing."""
    from awsglue.utils import getResolvedOptions

    options: dict[str, str] = getResolvedOptions(list(command_line), list(names))
    return options
