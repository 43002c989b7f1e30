"""Glue job 1: score a day's users. All of it is in `engagement_jobs.score_job`."""

from engagement_jobs import command_line
from engagement_jobs.arguments import ScoreArguments
from engagement_jobs.score_job import run

if __name__ == "__main__":
    run(command_line.read(ScoreArguments))
