"""The plugin: how Airflow registers it, how little it imports, and its response when the dashboard cannot be built."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import engagement_plugin
import pytest

PLUGINS = Path(__file__).parents[3] / "plugins"

LOAD = """
import json, sys
from airflow import plugins_manager
before = set(sys.modules)
plugins, errors = plugins_manager._get_plugins()
after = set(sys.modules) - before
apps, middlewares = plugins_manager.get_fastapi_plugins()
views, _ = plugins_manager._get_ui_plugins()
print(json.dumps({
    "plugins": [p.name for p in plugins if "engagement_plugin" in type(p).__module__],
    "errors": errors,
    "apps": [(a["name"], a["url_prefix"], callable(a["app"])) for a in apps if a["name"] == "engagement"],
    "middlewares": len(middlewares),
    "views": views,
    "modules": sorted(after),
}))
"""


def test_airflow_loads_the_plugin_and_little_else(tmp_path: Path) -> None:
    env = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__LAZY_LOAD_PROVIDERS": "True",
        "PYTHONPATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD], env=env, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    loaded = json.loads(process.stdout.splitlines()[-1])
    assert loaded["plugins"] == ["engagement"]
    assert loaded["errors"] == {}
    assert loaded["apps"] == [["engagement", "/engagement", True]]
    assert loaded["middlewares"] == 0
    assert loaded["views"] == [
        {"name": "Engagement delivery", "href": "engagement/", "destination": "nav", "url_route": "engagement"}
    ]
    heavy = {"fastapi", "starlette", "botocore", "boto3", "engagement", "pyspark"}
    assert {name.partition(".")[0] for name in loaded["modules"]} & heavy == set()
    assert "engagement_plugin" in loaded["modules"]


def request(app: Any, kind: str = "http") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.disconnect"}

    asyncio.run(app({"type": kind, "path": "/"}, receive, send))
    return sent


def with_factory(monkeypatch: pytest.MonkeyPatch, factory: Any) -> None:
    module = types.ModuleType("engagement.ui.app")
    module.create_app = factory  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "engagement.ui.app", module)


def test_a_failed_import_is_a_503_without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "engagement.ui.app", None)
    start, body = request(engagement_plugin.LazyDashboard())
    assert start["status"] == 503
    assert (b"cache-control", b"no-store") in start["headers"]
    assert body["body"] == b"The dashboard cannot be shown. The log of Airflow's API server has the reason."
    assert request(engagement_plugin.LazyDashboard(), "websocket") == [{"type": "websocket.close", "code": 1011}]


def test_the_dashboard_is_built_once_after_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "page"})

    def build() -> Any:
        built.append(len(built))
        if len(built) == 1:
            raise RuntimeError("the permission check cannot be imported")
        return page

    with_factory(monkeypatch, build)
    dashboard = engagement_plugin.LazyDashboard()
    assert request(dashboard)[0]["status"] == 503
    assert request(dashboard) == request(dashboard) == [{"type": "page"}]
    assert built == [0, 1]
