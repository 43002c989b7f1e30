"""Glue script of the scoring job; the job is in `engagement_jobs.scoring.job`."""

from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.entrypoints import cli
from engagement_jobs.scoring.job import run

if __name__ == "__main__":
    cli.run_job(lambda: run(cli.read_arguments(ScoreArguments)))
