"""The plugin file: what Airflow makes of it, how little it loads, and what it answers when the page cannot be built."""

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
    "loaded": sorted(after),
}))
"""


def test_airflow_loads_it_and_little_else(tmp_path: Path) -> None:
    env = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__LAZY_LOAD_PROVIDERS": "True",
        "PYTHONPATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["plugins"] == ["engagement"]
    assert found["errors"] == {}
    assert found["apps"] == [["engagement", "/engagement", True]]
    assert found["middlewares"] == 0
    assert found["views"] == [
        {"name": "Engagement delivery", "href": "engagement/", "destination": "nav", "url_route": "engagement"}
    ]
    heavy = {"fastapi", "starlette", "botocore", "boto3", "engagement", "pyspark"}
    assert {name.partition(".")[0] for name in found["loaded"]} & heavy == set()
    assert "engagement_plugin" in found["loaded"]


def ask(app: Any, kind: str = "http") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.disconnect"}

    asyncio.run(app({"type": kind, "path": "/"}, receive, send))
    return sent


def with_build(monkeypatch: pytest.MonkeyPatch, build: Any) -> None:
    module = types.ModuleType("engagement.ui.app")
    module.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "engagement.ui.app", module)


def test_a_page_that_cannot_be_imported_is_an_error_without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "engagement.ui.app", None)
    start, body = ask(engagement_plugin.Dashboard())
    assert start["status"] == 503
    assert (b"cache-control", b"no-store") in start["headers"]
    assert body["body"] == b"The page cannot be shown; the log of Airflow's API server says why."
    assert ask(engagement_plugin.Dashboard(), "websocket") == [{"type": "websocket.close", "code": 1011}]


def test_the_page_is_built_once_and_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "page"})

    def build() -> Any:
        built.append(len(built))
        if len(built) == 1:
            raise RuntimeError("the check cannot be imported")
        return page

    with_build(monkeypatch, build)
    dashboard = engagement_plugin.Dashboard()
    assert ask(dashboard)[0]["status"] == 503
    assert ask(dashboard) == ask(dashboard) == [{"type": "page"}]
    assert built == [0, 1]
