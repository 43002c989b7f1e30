"""A CRM as in a company's network: behind a proxy, with a private authority, client certificates and OAuth tokens.

The push job can resolve neither the CRM nor its token endpoint; only the proxy can.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from local import certificates
from local.fake_crm.access.oauth import TOKEN_PREFIX
from local.processes import running_service
from local.stack import CrmAccess, RunningStack

HOST = "crm.test"
TOKEN_SECONDS = 20
_CLIENT_ID, _PROXY_USER, _SCOPE = "push-client", "push-user", "scores.write"


@dataclass(frozen=True)
class PrivateCrm:
    """How to start such a CRM, and what no log may contain.

    :param options: command-line options of `local.fake_crm`
    :param authority: PEM file for the jobs' and Airflow's setting `ca_uri`
    :param proxy_credentials: user:password
    :param canaries: secret bytes by what they are
    """

    options: list[str]
    access: CrmAccess
    authority: Path
    proxy_credentials: str = field(repr=False)
    canaries: dict[str, bytes] = field(repr=False)


def create(folder: Path) -> PrivateCrm:
    """Issue certificates and make up secrets.

    :param folder: where they are written; the only place where they may be found
    """
    folder.mkdir()
    authority, client_authority = certificates.authority("private"), certificates.authority("clients")
    server = certificates.issue(HOST, authority, other_hosts=["127.0.0.1"])
    client = certificates.issue("push-job", client_authority)
    files = (certificates.write(folder / "client.pem", client), certificates.write_key(folder / "client.key", client))
    client_secret, proxy_password = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    credentials = f"{_PROXY_USER}:{proxy_password}"
    document = {
        "type": "oauth2_client_credentials",
        "token_url": f"https://{HOST}/oauth/token",
        "client_id": _CLIENT_ID,
        "client_secret": client_secret,
        "scope": _SCOPE,
        "client_certificate": certificates.pem(client).decode(),
        "client_key": certificates.key_pem(client).decode(),
        "proxy_user": _PROXY_USER,
        "proxy_password": proxy_password,
    }
    options = ["--oauth-expires-in", str(TOKEN_SECONDS), "--oauth-scope", _SCOPE]
    options += ["--tls-certificate", str(certificates.write(folder / "server.pem", server))]
    options += ["--tls-key", str(certificates.write_key(folder / "server.key", server))]
    options += ["--client-authority", str(certificates.write(folder / "clients.pem", client_authority))]
    root = certificates.write(folder / "authority.pem", authority)
    env = {"CRM_OAUTH_CLIENT": f"{_CLIENT_ID}:{client_secret}"}
    canaries = {
        "access token": TOKEN_PREFIX.encode(),
        "client secret": client_secret.encode(),
        "client secret in Basic": _base64(f"{_CLIENT_ID}:{client_secret}"),
        "proxy password": proxy_password.encode(),
        "proxy password in Basic": _base64(credentials),
        **_lines("client certificate", certificates.pem(client)),
        **_lines("client key", certificates.key_pem(client)),
    }
    access = CrmAccess(secret=json.dumps(document), env=env, authority=root, client=files)
    return PrivateCrm(options, access, root, credentials, canaries)


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _lines(what: str, pem: bytes) -> dict[str, bytes]:
    """Return each line of a PEM text but the first and the last, which are the same in all."""
    return {f"{what}, line {number}": line for number, line in enumerate(pem.split()) if len(line) > 40}


@dataclass(frozen=True)
class Proxy:
    """The running proxy in front of a private CRM."""

    url: str

    def stats(self) -> dict[str, Any]:
        """Return its counts of connections by target, and of refusals by status."""
        stats: dict[str, Any] = requests.get(f"{self.url}/_proxy/stats", timeout=10).json()
        return stats


@contextlib.contextmanager
def running_proxy(crm: PrivateCrm, stack: RunningStack) -> Iterator[Proxy]:
    """Start the proxy; stop it when the block ends."""
    options = ["--resolve", f"{HOST}={stack.crm_url.removeprefix('https://')}"]
    env = {"PROXY_CREDENTIALS": crm.proxy_credentials}
    with running_service("local.forward_proxy", options, stack.folder / "logs" / "forward_proxy.log", env) as url:
        yield Proxy(url)


def settings(crm: PrivateCrm, stack: RunningStack, proxy: Proxy) -> dict[str, Any]:
    """Upload the authority; return the settings with which a run reaches the CRM."""
    bucket, key = stack.outputs["ArtifactsBucketName"], "crm/authority.pem"
    stack.client("s3").upload_file(str(crm.authority), bucket, key)
    return {
        "base_url": f"https://{HOST}",
        "allow_http": False,
        "egress_url": proxy.url,
        "ca_uri": f"s3://{bucket}/{key}",
    }
