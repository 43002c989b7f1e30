"""Run ids of smoke runs, which name the commit that was tested."""

from datetime import UTC, datetime

PREFIX = "smoke__"


def commit_prefix(commit: str) -> str:
    """Return the start of the run ids of a commit's smoke runs."""
    return f"{PREFIX}{commit[:12]}__"


def new_run_id(commit: str) -> str:
    """Return a run id for a smoke run of the commit that starts now."""
    return f"{commit_prefix(commit)}{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
