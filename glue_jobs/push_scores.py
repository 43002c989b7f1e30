"""Glue script of the push job; the job is in `engagement_jobs.push.job`."""

import sys

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.entrypoints import cli, workflow_run
from engagement_jobs.push.job import run

if __name__ == "__main__":
    in_workflow = workflow_run.is_workflow_run(sys.argv)
    cli.run_job(lambda: run(cli.read_arguments(PushArguments), in_workflow=in_workflow))
