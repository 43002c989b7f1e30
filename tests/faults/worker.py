"""Runs scenarios one after another: a fake CRM, and a delivery with the scores of one date."""

from __future__ import annotations

import abc
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from local.fake_crm.fault_profiles import PROFILES
from local.stack import OAUTH_CLIENT_ID, SECRET_ID
from tests.faults.scenario import ARGUMENTS, Scenario
from tests.support.waiting import wait_until

DAY = "2026-11-23"
RUN_ID = "scheduled__2026-11-23T03:00:00+00:00"
LIMIT_SECONDS = 600
CRM_OPTIONS = ("--latency-ms", "5", "--oauth-expires-in", "2")


@dataclass(frozen=True)
class JobRun:
    """An ended run of the delivery: its duration in seconds and its complete log."""

    id: str
    state: str
    logs: str
    seconds: float


class Worker(abc.ABC):
    """A fake CRM, and a delivery with the scores of one date.

    :param token: bearer token of the CRM, and the secret of its OAuth client
    :param output: the output bucket as a folder
    """

    def __init__(self, crm_url: str, token: str, output: Path) -> None:
        self.crm_url = crm_url
        self.token = token
        self.output = output
        self.run_id = ""
        self.ports: dict[str, int] = {"port": urlsplit(crm_url).port or 0}

    @abc.abstractmethod
    def run(self, arguments: Mapping[str, str], meanwhile: Callable[[Worker], None] | None) -> JobRun:
        """Run the delivery with these arguments; call `meanwhile` once it was started."""

    @abc.abstractmethod
    def store_secret(self, secret: str) -> None:
        """Store the secret where the delivery reads it."""

    def stop(self) -> None:
        """Stop the run from outside, as an operator can."""
        raise NotImplementedError("this worker has no Glue")

    def break_s3(self, fault: Mapping[str, object] | None) -> None:
        """Turn a fault of S3 on, or off for None."""
        if fault:
            raise NotImplementedError("this worker has no S3")

    def restart_proxy(self, pause_seconds: float) -> None:
        """Stop the forward proxy, wait, and start it on the same port."""
        raise NotImplementedError("this worker has no proxy")

    def crm(self, method: str, path: str, **options: Any) -> Any:
        """Send a request to `/_crm/<path>`; return the parsed response."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.crm_url}/_crm/{path}", headers=headers, timeout=60, **options)
        answer.raise_for_status()
        return answer.json()

    def push(self, changes: Mapping[str, str], tasks: int, meanwhile: Callable[[Worker], None] | None = None) -> JobRun:
        """Run the delivery to its end."""
        given = {
            **ARGUMENTS,
            "push_tasks": str(tasks),
            "score_date": DAY,
            "run_id": RUN_ID,
            "base_url": self.crm_url,
            "secret_id": SECRET_ID,
            **{name: value.format(**self.ports) for name, value in changes.items()},
        }
        return self.run(given, meanwhile)

    def reset(self) -> None:
        """Remove all traces of earlier runs and turn all faults off."""
        for name in ("responses", "delivered"):
            shutil.rmtree(self.output / name, ignore_errors=True)
        self.turn_faults_off()
        # Requests whose client has disconnected are still counted.
        wait_until(lambda: self.crm("GET", "stats")["in_flight"] == 0, "the CRM to be idle", every=0.02)
        self.crm("DELETE", "token")
        self.store_secret(self.token)
        self.crm("POST", "reset")

    def turn_faults_on(self, scenario: Scenario) -> None:
        """Turn the faults of a scenario on."""
        if scenario.profile:
            fault = replace(PROFILES[scenario.profile].fault, **scenario.changes)
            self.crm("PUT", "faults", json=asdict(fault))
        if scenario.token_fault:
            self.store_secret(self._oauth_secret())
            self.crm("PUT", "token-faults", json=scenario.token_fault)
        self.break_s3(scenario.s3_fault)

    def turn_faults_off(self) -> None:
        """Turn all faults off; the token stays as it is."""
        self.crm("DELETE", "faults")
        self.crm("DELETE", "token-faults")
        self.break_s3(None)

    def rotate_token(self, token: str) -> None:
        """Store a new token for the delivery, then make the CRM accept no other."""
        self.store_secret(token)
        self.crm("PUT", "token", json={"token": token})

    def _oauth_secret(self) -> str:
        document = {
            "type": "oauth2_client_credentials",
            "token_url": f"{self.crm_url}/oauth/token",
            "client_id": OAUTH_CLIENT_ID,
            "client_secret": self.token,
        }
        return json.dumps(document)

    def wait_for_users(self, count: int) -> None:
        """Wait until the CRM has this many users."""
        what = f"the CRM to have {count:,} users"
        wait_until(lambda: self.crm("GET", "stats")["users"] >= count, what, limit=LIMIT_SECONDS, every=0.02)
