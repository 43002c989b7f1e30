"""The Glue runs of a DAG run: which ones are found, how they are stopped, and what happens if Glue fails."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from engagement.aws import glue_runs
from tests.unit.plugins.engagement import run_factory as factory

raw = factory.described_by_glue
JOBS = [factory.SCORE_JOB, factory.PUSH_JOB]


class EntityNotFoundError(Exception):
    """boto3's EntityNotFoundException, which is a ClientError."""


class Glue:
    """The part of a boto3 Glue client that is used.

    :param polls: number of status checks after which a stopped run has ended
    :param throttled: numbers of the listings that Glue refuses, from 1
    """

    class exceptions:  # noqa: N801 - boto3's name
        ClientError = EntityNotFoundError.__mro__[1]
        EntityNotFoundException = EntityNotFoundError

    def __init__(self, *pages: list[dict[str, Any]], polls: int = 1, throttled: Collection[int] = ()) -> None:
        self.pages = pages
        self.throttled = throttled
        self.listings = 0
        self.polls = polls
        self.stopped: list[str] = []

    def get_paginator(self, call: str) -> Glue:
        assert call == "get_job_runs"
        return self

    def paginate(self, JobName: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's name
        self.listings += 1
        if self.listings in self.throttled:
            raise self.exceptions.ClientError("ThrottlingException: Rate exceeded")
        if self.stopped:
            self.polls -= 1
        for page in self.pages:
            for run in page:
                if run["Id"] in self.stopped and self.polls <= 0:
                    run["JobRunState"] = "STOPPED"
            yield {"JobRuns": [run for run in page if run["JobName"] == JobName]}

    def batch_stop_job_run(self, JobName: str, JobRunIds: list[str]) -> None:  # noqa: N803 - boto3's names
        assert JobName == factory.PUSH_JOB
        self.stopped += JobRunIds


def stop_active(client: Any, sleep: Callable[[float], None] | None = None) -> glue_runs.GlueRuns:
    return glue_runs.stop_active(
        client, JOBS, factory.RUN_ID, wait_seconds=20, poll_seconds=5, sleep=sleep or (lambda _: None)
    )


def test_runs_of_all_pages_are_listed_oldest_first() -> None:
    client = Glue(
        [raw(factory.PUSH_JOB, "p2", StartedOn=factory.started(30)), raw(factory.PUSH_JOB, "x", of="manual__other")],
        [raw(factory.PUSH_JOB, "p1", StartedOn=factory.started(10)), raw(factory.PUSH_JOB, "y", Arguments=None)],
        [raw(factory.SCORE_JOB, "s1", StartedOn=factory.started(2))],
    )
    found = stop_active(client)
    assert [run.id for run in found.runs] == ["s1", "p1", "p2"]
    assert (found.stopped, found.error) == ((), "")
    latest = found.latest(factory.PUSH_JOB)
    assert latest is not None
    assert latest.id == "p2"
    assert found.latest("no such job") is None


def test_describe_run() -> None:
    (run,) = stop_active(Glue([raw(factory.SCORE_JOB, "s1", JobRunState="FAILED", ErrorMessage="boom")])).runs
    assert run == factory.glue_run(
        factory.SCORE_JOB,
        "s1",
        state="FAILED",
        seconds=90,
        dpu_seconds=180.0,
        error="boom",
        started_at="2026-11-23T03:05:00Z",
    )


@pytest.mark.parametrize("state", sorted(glue_runs.ACTIVE))
def test_an_active_run_is_stopped_and_awaited(state: str) -> None:
    client = Glue([raw(factory.PUSH_JOB, "p1", JobRunState=state), raw(factory.PUSH_JOB, "p0")], polls=3)
    pauses: list[float] = []
    found = stop_active(client, pauses.append)
    assert client.stopped == ["p1"]
    assert found.stopped == ("p1",)
    assert {run.id: run.state for run in found.runs} == {"p1": "STOPPED", "p0": "SUCCEEDED"}
    assert pauses == [5, 5, glue_runs.SETTLE_SECONDS]  # the last one until the ledger is complete
    assert found.error == ""


def test_runs_of_other_dag_runs_are_not_stopped() -> None:
    client = Glue([raw(factory.PUSH_JOB, "p1", of="scheduled__other", JobRunState="RUNNING")])
    assert stop_active(client).runs == ()
    assert client.stopped == []


def test_a_run_that_does_not_stop_is_reported() -> None:
    pauses: list[float] = []
    found = stop_active(Glue([raw(factory.PUSH_JOB, "p1", JobRunState="RUNNING")], polls=99), pauses.append)
    assert pauses == [5, 5, 5, 5, glue_runs.SETTLE_SECONDS]
    assert found.error == "Glue run(s) still active 20 s after StopJobRun: p1"


def test_a_missing_job_has_no_runs() -> None:
    class NoJobs(Glue):
        def paginate(self, JobName: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's name
            raise EntityNotFoundError(JobName)

    assert stop_active(NoJobs()) == glue_runs.GlueRuns(())


def test_an_error_of_glue_is_returned_not_raised() -> None:
    pauses: list[float] = []
    found = stop_active(Glue([raw(factory.PUSH_JOB, "p1")], throttled=range(1, 100)), pauses.append)
    assert (found.runs, found.stopped) == ((), ())
    assert found.error == f"cannot read the Glue runs of {', '.join(JOBS)}: ThrottlingException: Rate exceeded"
    assert pauses == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("throttled", "pauses"),
    [({1}, [5, 5]), ({3, 4}, [5, 5, 5]), ({1, 4}, [5, 5, 5])],
    ids=["before the stop", "after the stop", "both"],
)
def test_a_throttled_glue_is_tried_again(throttled: set[int], pauses: list[float]) -> None:
    client = Glue([raw(factory.PUSH_JOB, "p1", JobRunState="RUNNING")], throttled=throttled)
    waited: list[float] = []
    found = stop_active(client, waited.append)
    assert (client.stopped, found.stopped, found.error) == (["p1"], ("p1",), "")
    assert [run.state for run in found.runs] == ["STOPPED"]
    assert waited == [*pauses, glue_runs.SETTLE_SECONDS]


def test_a_stop_is_known_although_glue_is_throttled_later() -> None:
    client = Glue([raw(factory.PUSH_JOB, "p1", JobRunState="RUNNING")], throttled=range(3, 100))
    found = stop_active(client)
    assert (found.stopped, [run.state for run in found.runs]) == (("p1",), ["RUNNING"])
    assert "Rate exceeded" in found.error
