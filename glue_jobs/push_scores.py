"""Glue job 2: deliver a day's scores to the CRM. All of it is in `engagement_jobs.push.job`."""

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.entrypoints import cli
from engagement_jobs.push.job import run

if __name__ == "__main__":
    run(cli.read_arguments(PushArguments))
