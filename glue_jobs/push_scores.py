"""Glue job 2: deliver a day's scores to the CRM. All of it is in `engagement_jobs.push_job`."""

from engagement_jobs import command_line
from engagement_jobs.arguments import PushArguments
from engagement_jobs.push_job import run

if __name__ == "__main__":
    run(command_line.read(PushArguments))
