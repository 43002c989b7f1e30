"""The routes inside Airflow's own API server: its login, its permissions, its middlewares."""

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

from engagement.contract.errors import SettingsError, StoreError
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
    """What the page finds: a bucket, or whatever happens instead."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.now = NOW
        self.asked = 0
        self.trouble: Exception | None = None
        self.logged_out = False

    @contextmanager
    def connect(self) -> Iterator[Bucket]:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        yield self.bucket


@pytest.fixture(scope="module")
def api() -> Iterator[tuple[FastAPI, World]]:
    """Airflow's API server with the page in it, made once."""
    from airflow import plugins_manager
    from airflow.api_fastapi.app import create_app, purge_cached_app

    world = World()
    app = ui_app.build(lambda: world.connect(), lambda timezone: world.now.astimezone(timezone))
    page = {"name": "engagement", "url_prefix": "/engagement", "app": app}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Airflow's own
        patch.setattr(plugins_manager, "get_fastapi_plugins", lambda: ([page], []))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of these tests, of at least sixty-four bytes, as it should be"
        )
        patch.setattr(plugins_manager, "get_flask_plugins", lambda: ([], [], []))
        yield create_app(apps="core"), world
    purge_cached_app()


@pytest.fixture
def world(api: tuple[FastAPI, World], monkeypatch: pytest.MonkeyPatch) -> World:
    from airflow.models.dag import DagModel
    from airflow.models.revoked_token import RevokedToken

    # The two things that login and check ask the database for.
    monkeypatch.setattr(RevokedToken, "is_revoked", lambda _: api[1].logged_out)
    monkeypatch.setattr(DagModel, "get_team_name", lambda dag_id: {ui_app.DAG_ID: None}[dag_id])
    found = api[1]
    found.__init__()  # type: ignore[misc]
    return found


@pytest.fixture
def client(api: tuple[FastAPI, World], world: World) -> TestClient:  # noqa: ARG001
    """Not logged in."""
    return TestClient(api[0], raise_server_exceptions=False, follow_redirects=False)


def token(role: str | None) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    made: str = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role=role))
    return made


@pytest.fixture
def get(client: TestClient) -> Callable[..., Response]:
    """Ask as somebody who may read DAGs."""
    client.headers["Authorization"] = f"Bearer {token('VIEWER')}"
    return lambda path="", **kwargs: client.get(f"/engagement/{path}", **kwargs)


def put_run(world: World, **changes: Any) -> str:
    """Write a run of today; gives its address."""
    found = from_object_key(world.bucket.put_run(a_summary(TODAY.isoformat(), **changes), world.now))
    assert found is not None
    return f"runs/{found[0].address}"


def is_safe(answer: Response) -> bool:
    policy = answer.headers["content-security-policy"]
    return (
        "default-src 'none'" in policy
        and "frame-ancestors 'self'" in policy
        and answer.headers["cache-control"] == "private, no-store"
        and answer.headers["x-content-type-options"] == "nosniff"
        and answer.headers["referrer-policy"] == "no-referrer"
        and answer.headers["cross-origin-resource-policy"] == "same-origin"
    )


def test_no_route_is_missing_or_waits_in_the_event_loop() -> None:
    app = ui_app.build()._app
    assert isinstance(app, FastAPI)
    routes = {route.path: route.endpoint for route in app.routes if isinstance(route, APIRoute)}
    assert len(routes) == len(app.routes)
    assert set(routes) == ROUTES
    assert not [path for path, endpoint in routes.items() if inspect.iscoroutinefunction(endpoint)]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_login_there_is_nothing(client: TestClient, world: World, path: str) -> None:
    put_run(world)
    answer = client.get(f"/engagement/{path}")
    assert answer.status_code == 401
    assert answer.json()["detail"] == "You are not logged in"
    assert is_safe(answer)
    assert world.asked == 0


@pytest.mark.parametrize("method", ui_app.METHODS)
@pytest.mark.parametrize("path", ["", ADDRESS, "nothing"])
def test_without_a_login_no_method_is_different(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, f"/engagement/{path}").status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_without_permission_there_is_nothing(client: TestClient, world: World, path: str) -> None:
    answer = client.get(f"/engagement/{path}", headers={"Authorization": f"Bearer {token(None)}"})
    assert answer.status_code == 403
    assert is_safe(answer)
    assert world.asked == 0


def test_the_permission_is_to_read_this_very_dag(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    asked = []

    def is_authorized_dag(self: Any, *, method: str, details: Any, **_: Any) -> bool:  # noqa: ARG001
        asked.append((method, details.id))
        return False

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", is_authorized_dag)
    answer = client.get("/engagement/?dag_id=another", headers={"Authorization": f"Bearer {token('ADMIN')}"})
    assert answer.status_code == 403
    assert asked == [("GET", "customer_engagement_scoring")]
    assert world.asked == 0


def test_a_forged_token_is_refused(client: TestClient) -> None:
    head, body, signature = token("ADMIN").split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    assert client.get("/engagement/", headers={"Authorization": f"Bearer {forged}"}).status_code == 403
    assert client.get("/engagement/", headers={"Cookie": f"_token={forged}"}).status_code == 403


def test_a_token_that_logged_out_is_refused(get: Callable[..., Response], world: World) -> None:
    world.logged_out = True
    assert get().status_code == 403
    assert world.asked == 0


def test_a_check_that_breaks_lets_nobody_in(
    get: Callable[..., Response], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.dag import DagModel

    def broken(_: str) -> None:
        raise RuntimeError("the database is away: secret words")

    monkeypatch.setattr(DagModel, "get_team_name", broken)
    put_run(world)
    answer = get()
    assert answer.status_code == 500
    assert "secret words" not in answer.text
    assert world.asked == 0
    assert is_safe(answer)


@pytest.mark.parametrize("way", ["bearer", "cookie"])
def test_a_program_and_a_browser_get_in(client: TestClient, world: World, way: str) -> None:
    put_run(world)
    headers = {
        "bearer": {"Authorization": f"Bearer {token('VIEWER')}"},
        "cookie": {"Cookie": f"_token={token('VIEWER')}"},
    }
    answer = client.get("/engagement/", headers=headers[way])
    assert answer.status_code == 200
    assert "970 of 1,000 scores of 2026-11-23" in answer.text
    assert is_safe(answer)
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("query", "days"), [("", 30), ("?days=7", 7), ("?days=90", 90), ("?days=8", 30), ("?days=-1", 30), ("?days=x", 30)]
)
def test_the_window(get: Callable[..., Response], world: World, query: str, days: int) -> None:
    assert get(query).status_code == 200
    first = TODAY - timedelta(days=days - 1)
    assert world.bucket.listings[0] == ("summaries/dt=", f"summaries/dt={first}")


@pytest.mark.parametrize(
    ("timezone", "first"), [("UTC", "2026-11-24"), ("Europe/Berlin", "2026-11-25"), ("America/New_York", "2026-11-24")]
)
def test_the_window_ends_today_where_the_business_is(
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
    assert is_safe(report)
    summary = get(f"{address}/summary")
    assert summary.json()["mode"] == mode
    assert summary.headers["content-type"] == "application/json"
    assert is_safe(summary)


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
    answer = get(path)
    assert answer.status_code == 404
    assert is_safe(answer)
    assert world.bucket.reads == []


def test_a_report_that_is_gone_is_not_found(get: Callable[..., Response], world: World) -> None:
    assert get(f"{ADDRESS}/report").status_code == 404
    assert world.bucket.reads == ["summaries/dt=2026-11-23/runs/x-0123abcd.html"]


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (SettingsError("the Airflow Variable 'engagement' does not exist"), "does not exist"),
        (StoreError("Bucket output-bucket cannot be read: AccessDenied."), "cannot be read: AccessDenied"),
    ],
)
def test_data_that_cannot_be_read_is_explained(
    get: Callable[..., Response], world: World, trouble: Exception, told: str
) -> None:
    world.trouble = trouble
    for path in ("", f"{ADDRESS}/report"):
        answer = get(path, headers={"Accept": "text/html,*/*"})
        assert answer.status_code == 503
        for words in ("The runs cannot be read", told, "<dt>Found</dt>", "<dt>Wanted</dt>", "<dt>Next</dt>"):
            assert words in answer.text
        assert is_safe(answer)
    assert told in get().json()["found"]


def test_a_faulty_configuration_is_explained(get: Callable[..., Response], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__TIMEZONE", "Mars/Olympus")
    answer = get()
    assert answer.status_code == 503
    assert "Mars/Olympus" in answer.json()["found"]


def test_what_nobody_thought_of_is_an_error_without_data(get: Callable[..., Response], world: World) -> None:
    world.trouble = RuntimeError("secret words")
    answer = get("", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "secret words" not in answer.text
    assert "The page cannot be shown" in answer.text
    assert is_safe(answer)


def test_a_browser_without_login_reads_a_page(client: TestClient) -> None:
    answer = client.get("/engagement/", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "Log in to Airflow, then open this page again." in answer.text


def test_hostile_words_stay_words(get: Callable[..., Response], world: World) -> None:
    put_run(world, run_id=HOSTILE, headline=HOSTILE)
    world.bucket.put(f"summaries/dt={TODAY}/runs/x-0123abcd.json", json.dumps({"version": HOSTILE}).encode())
    answer = get()
    assert answer.status_code == 200
    assert "<img" not in answer.text
    assert "version: expected 1, got a str" in answer.text
