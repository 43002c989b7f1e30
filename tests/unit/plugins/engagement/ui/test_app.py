"""The routes in Airflow's own API server, with its login, permissions and middleware."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response

from engagement.contract.errors import ConfigError, OutputBucketError, SettingsError
from engagement.ui import app as ui_app
from engagement.ui import pages
from engagement.ui.run_keys import from_object_key
from tests.unit.plugins.engagement.dashboard_factory import HOSTILE, Bucket, a_summary

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
TODAY = NOW.date()
ADDRESS = "runs/2026-11-23/x-0123abcd"
ROUTES = {"/", "/runs/{folder}/{run}", "/runs/{folder}/{run}/report", "/runs/{folder}/{run}/summary", "/{path:path}"}
PATHS = [
    "",
    "?days=90",
    ADDRESS,
    f"{ADDRESS}/report",
    f"{ADDRESS}/summary",
    "docs",
    "redoc",
    "openapi.json",
    "nothing/here",
    "runs/2026-11-23",
    "../engagement/",
    "//",
]


class World:
    """What the dashboard reads: a bucket, the time, or an error."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again with an empty bucket."""
        self.bucket = Bucket()
        self.now = NOW
        self.connections = 0
        self.error: Exception | None = None
        self.logged_out = False

    @contextmanager
    def connect(self) -> Iterator[Bucket]:
        self.connections += 1
        if self.error:
            raise self.error
        yield self.bucket


@pytest.fixture(scope="module")
def api() -> Iterator[tuple[FastAPI, World]]:
    """Airflow's API server with the dashboard, created once."""
    from airflow import plugins_manager
    from airflow.api_fastapi.app import create_app, purge_cached_app

    world = World()
    app = ui_app.create_app(lambda: world.connect(), lambda timezone: world.now.astimezone(timezone))
    page = {"name": "engagement", "url_prefix": "/engagement", "app": app}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # in Airflow's code
        patch.setattr(plugins_manager, "get_fastapi_plugins", lambda: ([page], []))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret for these tests that has at least the required sixty-four bytes"
        )
        patch.setattr(plugins_manager, "get_flask_plugins", lambda: ([], [], []))
        yield create_app(apps="core"), world
    purge_cached_app()


@pytest.fixture
def world(api: tuple[FastAPI, World], monkeypatch: pytest.MonkeyPatch) -> World:
    from airflow.models.dag import DagModel
    from airflow.models.revoked_token import RevokedToken

    # The two values that the login and the permission check read from the database.
    monkeypatch.setattr(RevokedToken, "is_revoked", lambda _: api[1].logged_out)
    monkeypatch.setattr(DagModel, "get_team_name", lambda dag_id: {ui_app.DAG_ID: None}[dag_id])
    api[1].reset()
    return api[1]


@pytest.fixture
def client(api: tuple[FastAPI, World], world: World) -> TestClient:  # noqa: ARG001
    """A client without a login."""
    return TestClient(api[0], raise_server_exceptions=False, follow_redirects=False)


def token(role: str | None) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    jwt: str = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role=role))
    return jwt


@pytest.fixture
def get(client: TestClient) -> Callable[..., Response]:
    """Send a request as a user who may read DAGs."""
    client.headers["Authorization"] = f"Bearer {token('VIEWER')}"
    return lambda path="", **kwargs: client.get(f"/engagement/{path}", **kwargs)


def put_run(world: World, **changes: Any) -> str:
    """Write a run of today and return its path."""
    parsed = from_object_key(world.bucket.put_run(a_summary(TODAY.isoformat(), **changes), world.now))
    assert parsed is not None
    return f"runs/{parsed[0].url_path}"


def has_security_headers(response: Response) -> bool:
    policy = response.headers["content-security-policy"]
    return (
        "default-src 'none'" in policy
        and "frame-ancestors 'self'" in policy
        and response.headers["cache-control"] == "private, no-store"
        and response.headers["x-content-type-options"] == "nosniff"
        and response.headers["referrer-policy"] == "no-referrer"
        and response.headers["cross-origin-resource-policy"] == "same-origin"
    )


def test_all_routes_are_tested_and_run_in_threads() -> None:
    app = ui_app.create_app()._app
    assert isinstance(app, FastAPI)
    routes = {route.path: route.endpoint for route in app.routes if isinstance(route, APIRoute)}
    assert len(routes) == len(app.routes)
    assert set(routes) == ROUTES
    assert not [path for path, endpoint in routes.items() if inspect.iscoroutinefunction(endpoint)]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_requires_a_login(client: TestClient, world: World, path: str) -> None:
    put_run(world)
    response = client.get(f"/engagement/{path}")
    assert response.status_code == 401
    assert response.json()["detail"] == "You are not logged in"
    assert has_security_headers(response)
    assert world.connections == 0


@pytest.mark.parametrize("method", ui_app.METHODS)
@pytest.mark.parametrize("path", ["", ADDRESS, "nothing"])
def test_every_method_requires_a_login(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, f"/engagement/{path}").status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_every_path_requires_the_permission(client: TestClient, world: World, path: str) -> None:
    response = client.get(f"/engagement/{path}", headers={"Authorization": f"Bearer {token(None)}"})
    assert response.status_code == 403
    assert has_security_headers(response)
    assert world.connections == 0


def test_the_permission_is_to_read_this_dag(client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    checked = []

    def is_authorized_dag(self: Any, *, method: str, details: Any, **_: Any) -> bool:  # noqa: ARG001
        checked.append((method, details.id))
        return False

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", is_authorized_dag)
    response = client.get("/engagement/?dag_id=another", headers={"Authorization": f"Bearer {token('ADMIN')}"})
    assert response.status_code == 403
    assert checked == [("GET", "customer_engagement_scoring")]
    assert world.connections == 0


def test_a_forged_token_is_refused(client: TestClient) -> None:
    head, body, signature = token("ADMIN").split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    assert client.get("/engagement/", headers={"Authorization": f"Bearer {forged}"}).status_code == 403
    assert client.get("/engagement/", headers={"Cookie": f"_token={forged}"}).status_code == 403


def test_a_revoked_token_is_refused(get: Callable[..., Response], world: World) -> None:
    world.logged_out = True
    assert get().status_code == 403
    assert world.connections == 0


def test_an_error_in_the_check_denies_access(
    get: Callable[..., Response], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.dag import DagModel

    def broken(_: str) -> None:
        raise RuntimeError("the database is down: secret words")

    monkeypatch.setattr(DagModel, "get_team_name", broken)
    put_run(world)
    response = get()
    assert response.status_code == 500
    assert "secret words" not in response.text
    assert world.connections == 0
    assert has_security_headers(response)


@pytest.mark.parametrize("credential", ["bearer", "cookie"])
def test_a_program_and_a_browser_have_access(client: TestClient, world: World, credential: str) -> None:
    put_run(world)
    headers = {
        "bearer": {"Authorization": f"Bearer {token('VIEWER')}"},
        "cookie": {"Cookie": f"_token={token('VIEWER')}"},
    }
    response = client.get("/engagement/", headers=headers[credential])
    assert response.status_code == 200
    assert "970 of 1,000 scores for 2026-11-23" in response.text
    assert has_security_headers(response)
    assert "script-src 'sha256-" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("query", "days"), [("", 30), ("?days=7", 7), ("?days=90", 90), ("?days=8", 30), ("?days=-1", 30), ("?days=x", 30)]
)
def test_the_listing_begins_with_the_window(get: Callable[..., Response], world: World, query: str, days: int) -> None:
    assert get(query).status_code == 200
    first = TODAY - timedelta(days=days - 1)
    assert world.bucket.listings[0] == ("summaries/dt=", f"summaries/dt={first}")


@pytest.mark.parametrize(
    ("timezone", "first"), [("UTC", "2026-11-24"), ("Europe/Berlin", "2026-11-25"), ("America/New_York", "2026-11-24")]
)
def test_the_window_ends_today_in_the_business_timezone(
    get: Callable[..., Response], world: World, monkeypatch: pytest.MonkeyPatch, timezone: str, first: str
) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__TIMEZONE", timezone)
    world.now = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert get("?days=7").status_code == 200
    assert world.bucket.listings[0] == ("summaries/dt=", f"summaries/dt={first}")


@pytest.mark.parametrize("mode", ["all", "dry_run"])
def test_a_run_has_its_report_and_summary(get: Callable[..., Response], world: World, mode: str) -> None:
    address = put_run(world, mode=mode)
    assert f'href="{address}"' in get().text
    framed = get(address)
    assert framed.status_code == 200
    assert f'<iframe src="{address.rpartition("/")[2]}/report" sandbox="allow-same-origin" ' in framed.text
    report = get(f"{address}/report")
    assert report.status_code == 200
    assert report.content in world.bucket.objects.values()
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert report.headers["content-security-policy"] == pages.REPORT_POLICY
    assert report.headers["content-security-policy"].startswith("sandbox allow-same-origin; default-src 'none'")
    assert has_security_headers(report)
    summary = get(f"{address}/summary")
    assert summary.json()["mode"] == mode
    assert summary.headers["content-type"] == "application/json"
    assert has_security_headers(summary)


@pytest.mark.parametrize(
    "path",
    [
        "runs/2026-11-23/..%2F..%2F..%2Fscores%2Fx-0123abcd/report",
        "runs/..%2F2026-11-23/x-0123abcd/report",
        "runs/2026-11-23/%2e%2e/report",
        "runs/dry_runs/..%5Cx-0123abcd/report",
        "runs/scores/x-0123abcd/report",
        "runs/2026-11-23/x-0123abcd%00/report",
        "runs/2026-11-23/x-0123abcd/report/",
        "runs/2026-11-23/summary/report",
    ],
)
def test_no_other_key_is_read(get: Callable[..., Response], world: World, path: str) -> None:
    response = get(path)
    assert response.status_code == 404
    assert has_security_headers(response)
    assert world.bucket.reads == []


def test_a_deleted_report_is_not_found(get: Callable[..., Response], world: World) -> None:
    assert get(f"{ADDRESS}/report").status_code == 404
    assert world.bucket.reads == ["summaries/dt=2026-11-23/runs/x-0123abcd.html"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SettingsError("the Airflow Variable 'engagement' does not exist"), "does not exist"),
        (OutputBucketError("Bucket output-bucket cannot be read: AccessDenied."), "cannot be read: AccessDenied"),
    ],
)
def test_unavailable_data_is_explained(get: Callable[..., Response], world: World, error: Exception, text: str) -> None:
    world.error = error
    for path in ("", f"{ADDRESS}/report"):
        response = get(path, headers={"Accept": "text/html,*/*"})
        assert response.status_code == 503
        for words in ("The runs cannot be read", text, "<dt>Problem</dt>", "<dt>Expected</dt>", "<dt>Next step</dt>"):
            assert words in response.text
        assert has_security_headers(response)
    assert text in get().json()["problem"]


def test_an_invalid_configuration_is_explained(get: Callable[..., Response], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__TIMEZONE", "Mars/Olympus")
    response = get()
    assert response.status_code == 503
    assert "Mars/Olympus" in response.json()["problem"]


def test_an_invalid_option_of_the_connection_is_explained(get: Callable[..., Response], world: World) -> None:
    world.error = ConfigError("[engagement] aws_conn_id is '', expected the id of an Airflow connection")
    response = get(f"{ADDRESS}/report")
    assert response.status_code == 503
    assert "aws_conn_id" in response.json()["problem"]
    assert "[engagement]" in response.json()["expected"]


def test_an_unexpected_error_is_a_500_without_data(get: Callable[..., Response], world: World) -> None:
    world.error = RuntimeError("secret words")
    response = get("", headers={"Accept": "text/html"})
    assert response.status_code == 500
    assert "secret words" not in response.text
    assert "The page cannot be shown" in response.text
    assert has_security_headers(response)


def test_a_browser_without_login_gets_a_page(client: TestClient) -> None:
    response = client.get("/engagement/", headers={"Accept": "text/html"})
    assert response.status_code == 401
    assert "Log in to Airflow, then open this page again." in response.text


def test_hostile_text_is_shown_as_text(get: Callable[..., Response], world: World) -> None:
    put_run(world, run_id=HOSTILE, headline=HOSTILE)
    world.bucket.put(f"summaries/dt={TODAY}/runs/x-0123abcd.json", json.dumps({"version": HOSTILE}).encode())
    response = get()
    assert response.status_code == 200
    assert "<img" not in response.text
    assert "version: expected 1, got a str" in response.text
