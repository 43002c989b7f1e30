"""A day with a CRM behind a proxy, TLS with a private authority, client certificates and OAuth tokens that expire."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.airflow_home import AirflowHome
from local.stack import running
from tests.stack import private_crm
from tests.stack.conftest import World, find_personal_data
from tests.stack.expected import expected_scores
from tests.stack.leaks import find_in_files, find_in_text, temporary_files, watched_processes
from tests.stack.private_crm import HOST, TOKEN_SECONDS, PrivateCrm, Proxy, running_proxy
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(900)
DAY, ROWS, RATE = "2026-11-23", 10_000, 160


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> PrivateCrm:
    return private_crm.create(tmp_path_factory.mktemp("secrets") / "crm")


@pytest.fixture(scope="module")
def private_world(crm: PrivateCrm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("private")
    with ThreadPoolExecutor(1) as pool:
        migrated = pool.submit(AirflowHome(folder / "airflow", {}, {}).migrate)
        with running(folder / "stack", crm.options, access=crm.access) as stack:
            migrated.result()
            yield World(stack, folder)


@pytest.fixture(scope="module")
def proxy(crm: PrivateCrm, private_world: World) -> Iterator[Proxy]:
    with running_proxy(crm, private_world.stack) as proxy:
        yield proxy


def api_text(world: World) -> bytes:
    """Return what the Glue API says of the jobs and their runs, arguments included."""
    glue, outputs = world.stack.client("glue"), world.stack.outputs
    jobs = [outputs["ScoreJobName"], outputs["PushJobName"]]
    responses = [glue.get_job(JobName=job) for job in jobs] + [glue.get_job_runs(JobName=job) for job in jobs]
    text = json.dumps(responses, default=str)
    assert "--proxy_url" in text
    return text.encode()


def files(world: World) -> list[Path]:
    """Return all files of the stack: logs, Airflow's database, all objects of S3, temporary files of running jobs."""
    return [path for path in world.folder.rglob("*") if path.is_file()]


def wait_for_half(world: World, home: AirflowHome) -> None:
    """Wait until the CRM has half of the users, or the run has failed."""
    wait_until(
        lambda: world.crm_stats()["users"] >= ROWS // 2 or "failed" in home.states().values(),
        "the CRM to have half of the users",
    )


def test_a_private_crm_gets_each_score_once_and_no_secret_leaks(
    private_world: World, crm: PrivateCrm, proxy: Proxy
) -> None:
    world, began = private_world, time.time()
    canaries = crm.canaries | {"token of the inspection API": world.stack.token.encode()}
    extract = world.upload(DAY, ROWS)
    settings = private_crm.settings(crm, world.stack, proxy) | {"max_requests_per_second": RATE}

    leaks: list[str] = []

    def search_midway(home: AirflowHome) -> None:
        wait_for_half(world, home)
        leaks.extend(find_in_files(canaries, files(world)))

    with watched_processes(canaries) as watch, world.subscribed() as received:
        ended = world.run_day(DAY, settings=settings, meanwhile=search_midway)
        (message,) = received()

    assert ended.exit_code == 0, ended.log[-3000:]
    assert ended.summary["outcomes"]["delivered"] == ROWS
    assert world.crm_scores() == expected_scores(extract)
    stats = world.crm_stats()
    assert stats["statuses"] == {"200": ROWS}
    assert (stats["applied"], stats["users"]) == (ROWS, ROWS)
    assert set(stats["duplicates"].values()) == {0}
    # Each of the canary's and the push tasks' tokens was renewed before it expired.
    assert ROWS / RATE > 2 * TOKEN_SECONDS
    assert stats["tokens"]["issued"] >= 9
    assert {name: stats["tokens"][name] for name in ("refused", "calls_with_expired")} == {
        "refused": 0,
        "calls_with_expired": 0,
    }
    assert set(proxy.stats()["targets"]) == {f"{HOST}:443"}
    # Airflow's check has no password for the proxy; it is green with a warning.
    assert proxy.stats()["refused"] == {"407": 1}
    assert "(407), which only the push job has" in ended.log

    assert any(b"push_scores" in command for command in watch.seen), watch.seen
    leaks += [*watch.found, *find_in_text(canaries, api_text(world), "the Glue API")]
    leaks += find_in_text(canaries, json.dumps(message).encode(), "the notification")
    written = files(world)
    kinds = {path.name if path.suffix != ".html" else path.suffix for path in written}
    assert {"airflow.db", "summary.json", ".html", "_manifest.json", "output", "errors", "aws.log"} <= kinds
    leaks += find_in_files(canaries, [*written, *temporary_files(began)])
    assert leaks == []
    assert find_personal_data(world) == []
