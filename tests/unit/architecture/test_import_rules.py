"""Who may import whom, as one table. Imports are read from the syntax tree, at every depth of a file."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[3]
HTTP = ("aiohttp", "yarl", "requests", "urllib3", "httpx", "http.client")
SPARK = ("pyspark", "py4j")
AWS = ("boto3", "botocore", "aiobotocore")
DATABASE = ("airflow.models", "airflow.settings", "airflow.utils.session", "sqlalchemy")

PURE = [
    "activity",
    "aggregates",
    "charts",
    "cost",
    "dashboard_charts",
    "dashboard_keys",
    "dashboard_listing",
    "dashboard_page",
    "dashboard_runs",
    "dates",
    "drift",
    "evidence",
    "glue_runs",
    "layout",
    "notice",
    "problems",
    "report",
    "s3",
    "scores",
    "settings",
    "summary",
    "verdict",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule of the files that match ``pattern``; the first match counts.

    :param may: what they may import beside the standard library; None for everything
    :param never: what they may not, whatever ``may`` says
    :param lazily: what they may import inside a function only
    :param apart: groups of which one file may use one
    """

    pattern: str
    why: str
    may: tuple[str, ...] | None = ()
    never: tuple[str, ...] = ()
    lazily: tuple[str, ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()


RULES = (
    Rule(
        "dags/*.py",
        "a DAG declares; it runs in the DAG processor every few seconds",
        may=("airflow.sdk", "airflow.providers.amazon", "airflow.providers.standard", "engagement"),
        never=(*AWS, *SPARK, *HTTP, *DATABASE, "engagement_jobs"),
    ),
    Rule("plugins/engagement/__init__.py", "importing one module must not import the others"),
    Rule(
        "plugins/engagement/contract/*.py",
        "documents are models and nothing else",
        may=("pydantic", "engagement.contract"),
    ),
    Rule("plugins/engagement/preflight.py", "it can be tried by hand without Airflow", may=("requests",)),
    *(
        Rule(
            f"plugins/engagement/{name}.py",
            "a report can be made again from a summary alone, a page from what was read",
            may=("jinja2", "markupsafe", "engagement.contract", *(f"engagement.{name}" for name in PURE)),
        )
        for name in ("report", "dashboard_page")
    ),
    *(
        Rule(
            f"plugins/engagement/{name}.py",
            "pure modules are tested without Airflow and without AWS",
            may=("pydantic", "engagement.contract", *(f"engagement.{sibling}" for sibling in PURE)),
        )
        for name in PURE
        if name not in ("report", "dashboard_page")
    ),
    Rule(
        "plugins/engagement/dashboard_store.py",
        "it reads S3 through the provider's hook; botocore for time limits and errors, for tasks need the threads too",
        may=("airflow.sdk", "airflow.providers.amazon", "botocore.config", "botocore.exceptions", "engagement"),
        never=("boto3", "aiobotocore", *SPARK, *DATABASE, "engagement_jobs", "fastapi", "starlette"),
    ),
    Rule(
        "plugins/engagement/dashboard*.py",
        "the UI pages run in the API server, whose security module guards them",
        may=("airflow.api_fastapi", "airflow.sdk", "airflow.providers.amazon", "engagement", "fastapi", "starlette"),
        never=(*AWS, *SPARK, *DATABASE, "engagement_jobs"),
    ),
    Rule(
        "plugins/engagement/*.py",
        "adapters speak Airflow; AWS only through the provider's hooks, never the metadata database",
        may=("airflow.sdk", "airflow.providers.amazon", "airflow.providers.standard", "engagement"),
        never=(*AWS, *SPARK, *DATABASE, "engagement_jobs"),
    ),
    Rule(
        "plugins/*.py",
        "loaded by every Airflow process: light at module level",
        may=("airflow.sdk", "airflow.plugins_manager"),
        lazily=("airflow.api_fastapi", "engagement", "fastapi", "starlette"),
        never=(*AWS, *SPARK, *DATABASE, "engagement_jobs"),
    ),
    Rule(
        "glue_jobs/*.py",
        "entry points only wire things up; awsglue is not there when they are tested",
        may=(*SPARK, "engagement_jobs"),
        lazily=("awsglue",),
        never=("airflow", "engagement"),
    ),
    *(
        Rule(
            f"glue_jobs/engagement_jobs/{name}.py", "what stands in for Airflow is compared with it where Spark is not"
        )
        for name in ("workflow", "extract")
    ),
    Rule("glue_jobs/engagement_jobs/aws.py", "the one place that knows AWS", may=(*AWS, "engagement_jobs")),
    Rule(
        "glue_jobs/engagement_jobs/*.py",
        "a module either speaks Spark or HTTP, so that each can be tested without the other",
        may=(*SPARK, "aiohttp", "multidict", "yarl", "engagement_jobs"),
        lazily=("awsglue", "numpy"),
        never=("airflow", "engagement", *AWS),
        apart=(SPARK, HTTP),
    ),
    Rule(
        "local/**/*.py",
        "emulators know S3, the AWS APIs and HTTP, never what is inside the two sides; infra.intrinsics is shared",
        may=None,
        never=("engagement", "engagement_jobs", "dags", "airflow.models", "airflow.settings"),
    ),
    Rule(
        "infra/**/*.py",
        "the deploy tool brings the product to AWS; it runs none of it, and knows no stand-in",
        may=(*AWS, "yaml", "pydantic", "engagement.contract", "engagement.settings", "infra"),
        never=("local", "tests"),
    ),
    Rule(
        "benchmarks/**/*.py",
        "measurements face the jobs' code as Glue does, and stand-ins through their commands",
        may=None,
        never=("engagement", "dags", "airflow"),
    ),
)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: ``from a import b`` counts as ``a.b``."""

    name: str
    line: int
    at_module_level: bool


def imports(tree: ast.AST, *, inside: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, not inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (Import(f"{prefix}.{alias.name}", node.lineno, not inside) for alias in node.names)
        elif isinstance(node, ast.Call) and _imports_by_call(node):
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else "(a computed name)"
            yield Import(str(name), node.lineno, not inside)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, inside=inside or function)


def _imports_by_call(node: ast.Call) -> bool:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return called in ("import_module", "__import__") and bool(node.args)


def within(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def rule_for(path: str) -> Rule:
    for rule in RULES:
        pattern = rule.pattern
        if "**" in pattern:
            if path.startswith(pattern.partition("**")[0]):
                return rule
        elif PurePosixPath(path).match(pattern) and path.count("/") == pattern.count("/"):
            return rule
    raise LookupError(f"{path}: no rule says what it may import; add one to RULES")


def violations(path: str, source: str) -> list[str]:
    rule = rule_for(path)
    found, used = [], {}
    for item in imports(ast.parse(source)):
        said = None
        if item.name.startswith("."):
            said = "is relative; wanted the absolute name"
        elif within(item.name, rule.never):
            said = "is never allowed here"
        elif within(item.name, rule.lazily):
            said = "is allowed inside a function only" if item.at_module_level else None
        elif rule.may is not None and item.name.partition(".")[0] not in sys.stdlib_module_names:
            said = None if within(item.name, rule.may) else "is not among what is allowed here"
        if said:
            found.append(f"{path}:{item.line}: {item.name} {said}: {rule.why}")
        used.update({group[0]: item for group in rule.apart if within(item.name, group)})
    if len(used) > 1:
        found.append(f"{path}: uses {' and '.join(sorted(used))} together: {rule.why}")
    return found


def sources() -> list[str]:
    folders = ("dags", "plugins", "glue_jobs", "infra", "local", "benchmarks")
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", sources())
def test_imports(path: str) -> None:
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_every_side_is_looked_at() -> None:
    found = sources()
    assert "dags/customer_engagement_scoring.py" in found
    assert "plugins/engagement/checks.py" in found
    assert {path.partition("/")[0] for path in found} == {
        *("dags", "plugins", "glue_jobs", "infra", "local", "benchmarks")
    }


BAD = [
    ("dags/x.py", "import boto3"),
    ("dags/x.py", "def f():\n    import requests"),
    ("dags/x.py", "from airflow.models import DagRun"),
    ("dags/x.py", "import importlib\nimportlib.import_module('pyspark')"),
    ("dags/x.py", "import pandas"),
    ("plugins/engagement/dates.py", "from airflow.sdk import conf"),
    ("plugins/engagement/dates.py", "from engagement.operators import X"),
    ("plugins/engagement/dates.py", "from engagement import checks"),
    ("plugins/engagement/dates.py", "if True:\n    try:\n        import boto3\n    except ImportError: ..."),
    ("plugins/engagement/dates.py", "from . import layout"),
    ("plugins/engagement/contract/scores.py", "from engagement import layout"),
    ("plugins/engagement/preflight.py", "from airflow.sdk import BaseOperator"),
    ("plugins/engagement/operators.py", "class A:\n    def execute(self):\n        from airflow.models import XCom"),
    ("plugins/engagement/operators.py", "from engagement_jobs import ledger"),
    ("plugins/engagement_plugin.py", "from engagement import report"),
    ("plugins/engagement_plugin.py", "import fastapi"),
    ("plugins/engagement/dashboard.py", "import botocore.config"),
    ("plugins/engagement/dashboard.py", "from airflow.models import Variable"),
    ("plugins/engagement/dashboard_runs.py", "from fastapi import Request"),
    ("plugins/engagement/dashboard_page.py", "from engagement.dashboard_store import Output"),
    ("plugins/engagement/dashboard_store.py", "import boto3"),
    ("glue_jobs/x.py", "from awsglue.utils import getResolvedOptions"),
    ("glue_jobs/x.py", "from engagement import layout"),
    ("glue_jobs/engagement_jobs/x.py", "import pyspark\nimport yarl"),
    ("glue_jobs/engagement_jobs/x.py", "async def f():\n    import boto3"),
    ("glue_jobs/engagement_jobs/aws.py", "import yarl"),
    ("glue_jobs/engagement_jobs/x.py", "__import__('airflow.sdk')"),
    ("local/crm/x.py", "from engagement_jobs.records import key"),
    ("glue_jobs/engagement_jobs/workflow.py", "import boto3"),
    ("infra/deploy/x.py", "from local.stack import Stack"),
    ("infra/deploy/x.py", "from engagement.operators import X"),
    ("local/x.py", "name = 'a'\ndef f(): __import__('engagement')"),
]


@pytest.mark.parametrize(("path", "source"), BAD)
def test_the_rules_bite(path: str, source: str) -> None:
    assert len(violations(path, source)) == 1


GOOD = [
    ("dags/x.py", "from datetime import date\nfrom airflow.sdk import DAG\nfrom engagement.checks import A"),
    ("plugins/engagement/dates.py", "from engagement import layout"),
    ("plugins/engagement_plugin.py", "def f():\n    from engagement import dashboard"),
    ("glue_jobs/x.py", "def f():\n    from awsglue.utils import getResolvedOptions"),
    ("glue_jobs/engagement_jobs/x.py", "import yarl\nfrom engagement_jobs.records import key"),
    ("local/crm/x.py", "import aiohttp, boto3, moto"),
    ("local/aws/x.py", "from infra.intrinsics import Resolver"),
    ("infra/deploy/x.py", "import boto3, yaml\nfrom engagement.settings import Settings"),
]


@pytest.mark.parametrize(("path", "source"), GOOD)
def test_the_rules_let_good_imports_pass(path: str, source: str) -> None:
    assert violations(path, source) == []


def test_a_file_without_a_rule_is_named() -> None:
    with pytest.raises(LookupError, match=r"plugins/other/x\.py"):
        violations("plugins/other/x.py", "import os")
