"""The arguments of a job as Glue gives them, whoever started it.

Airflow passes every argument of the contract. In a workflow run Glue passes what its trigger has, and the rest is
derived from the workflow run and, for job 1, from the extract.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from engagement_jobs.common import aws, log_setup
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.entrypoints import workflow_run
from engagement_jobs.entrypoints.extract_check import activity_key, check_extract

Arguments = TypeVar("Arguments", ScoreArguments, PushArguments)

log = logging.getLogger("engagement.cli")


def read_arguments(kind: type[Arguments], argv: Sequence[str] | None = None) -> Arguments:
    """The arguments of this process, or of `argv`.

    :raises ArgumentError: an argument is not what it must be; names all that are wrong
    :raises WorkflowError: the properties of the workflow run are wrong, or its date is too old to be sent
    :raises ExtractError: in a workflow run, the extract is missing or not whole; nothing was changed
    """
    words = list(sys.argv if argv is None else argv)
    declared = kind.names()
    if not workflow_run.is_workflow_run(words):
        return kind.parse(_resolved(words, declared))
    log_setup.log_to_stdout()
    given = _resolved(words, workflow_run.argument_names(declared))
    name, run_id = given[workflow_run.WORKFLOW_NAME], given[workflow_run.WORKFLOW_RUN_ID]
    run = workflow_run.WorkflowRun(name, run_id, given["timezone"], aws.read_run_properties(name, run_id))
    log.info("run %s of the workflow %s with the properties %s", run_id, name, dict(run.properties))
    values = given | run.derive_arguments()
    if "push_mode" in declared:
        run.check_age(values["score_date"], values["push_mode"], datetime.now(UTC))
    if "input_uri" in declared:
        key = activity_key(given["activity_key"], values["score_date"])
        values |= check_extract(aws.Store(given["activity_bucket"]), key, run.rerun_instructions)
    parsed = kind.parse(values)
    log.info("scores of %s, run id %s; to repeat it, %s", parsed.score_date, parsed.run_id, run.rerun_instructions)
    return parsed


def _resolved(words: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The values of `names`, by Glue's own parser, which ignores other arguments and refuses a missing one."""
    from awsglue.utils import getResolvedOptions

    found: dict[str, str] = getResolvedOptions(list(words), list(names))
    return found
