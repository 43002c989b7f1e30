"""`python -m local.fake_crm` as a program: ready line, arguments, token and shutdown."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from local.fake_crm.__main__ import main
from local.fake_crm.fault_profiles import PROFILES

ROOT = Path(__file__).parents[3]
HEADERS = {"Authorization": "Bearer t0ken"}


def environment(**extra: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "CRM_TOKEN"} | extra


@contextmanager
def program(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.fake_crm", *arguments],
        cwd=ROOT,
        env=environment(CRM_TOKEN="t0ken"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_shuts_down_cleanly(number: signal.Signals) -> None:
    with program("--faults", '{"status": 503, "first": 1}', "--rate", "1000", "--latency-ms", "1") as (process, url):
        body = {"user_id": "U1", "engagement_score": "1.00"}
        with requests.Session() as session:
            responses = [
                session.post(f"{url}/api/v1/update-score", json=body, headers=HEADERS, timeout=10) for _ in "ab"
            ]
            assert [response.status_code for response in responses] == [503, 200]
            assert url.startswith("http://127.0.0.1:")
            # The connection is still open: an idle client must not delay the shutdown.
            process.send_signal(number)
            output, errors = process.communicate(timeout=5)
    assert (process.returncode, output, errors) == (0, "", "")


def test_a_slow_request_does_not_delay_the_shutdown_for_long() -> None:
    with program("--latency-ms", "60000") as (process, url):
        body = {"user_id": "U1", "engagement_score": "1.00"}
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{url}/api/v1/update-score", json=body, headers=HEADERS, timeout=0.3)
        process.terminate()
        assert process.wait(8) == 0


@pytest.mark.parametrize(
    ("arguments", "token", "says"),
    [
        ([], "", "CRM_TOKEN is empty"),
        (["--rate", "0"], "t", "--rate: got '0', expected a number of at least 0.001"),
        (["--latency-ms", "soon"], "t", "--latency-ms: got 'soon'"),
        (["--faults", '{"status": 1}'], "t", "status is 1, expected"),
        (["--faults", "outage"], "t", "expected a JSON object or one of latency-50ms, latency-1s"),
        (["--token", "t"], "t", "unrecognized arguments"),
    ],
)
def test_invalid_arguments_are_rejected(
    arguments: list[str],
    token: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CRM_TOKEN", token)
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    assert says in capsys.readouterr().err


def test_a_port_in_use_is_reported() -> None:
    with program() as (_, url):
        port = url.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-m", "local.fake_crm", "--port", port],
            cwd=ROOT,
            env=environment(CRM_TOKEN="t"),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_a_fault_is_switched_on_by_name() -> None:
    with program("--faults", "unknown-all") as (_, url):
        body = {"user_id": "U1", "engagement_score": "1.00"}
        response = requests.post(f"{url}/api/v1/update-score", json=body, headers=HEADERS, timeout=10)
    assert response.status_code == 404


def test_named_faults_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CRM_TOKEN", raising=False)
    assert main(["--list-faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PROFILES)
    columns = {line.index(profile.what) for line, profile in zip(lines, PROFILES.values(), strict=True)}
    assert columns == {len("token-revoked-midway") + 2}
