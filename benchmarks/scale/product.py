"""The product's own numbers, asked of both sides, each in its environment, and of the template: none is copied here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from benchmarks import sides
from benchmarks.scale.measurements import Product
from local.processes import REPOSITORY

_TEMPLATE = REPOSITORY / "infra" / "pipeline.yaml"
_SETTING = "engagement.settings:Settings/__dataclass_fields__/{}/default"
_MOST = "engagement.settings:Settings/__dataclass_fields__/{}/metadata/rule/high"
_CONFIG = "engagement.config:DagConfig/__dataclass_fields__/{}/default"
_AIRFLOW = {
    "requests_per_second": _SETTING.format("max_requests_per_second"),
    "most_requests_per_second": _MOST.format("max_requests_per_second"),
    "push_tasks": _SETTING.format("push_tasks"),
    "most_push_tasks": _MOST.format("push_tasks"),
    "concurrency": _SETTING.format("max_concurrency"),
    "most_concurrency": _MOST.format("max_concurrency"),
    "deadline_seconds": _SETTING.format("deadline_seconds"),
    "most_deadline_seconds": _MOST.format("deadline_seconds"),
    "push_age_days": _SETTING.format("max_push_age_days"),
    "dpu_hour_usd": _SETTING.format("dpu_hour_usd"),
    "dpu_per_worker": "engagement.cost:DPU_PER_WORKER/G.1X",
    "least_seconds": "engagement.cost:LEAST_SECONDS",
    "score_wait_minutes": _CONFIG.format("score_wait_minutes"),
    "push_wait_minutes": _CONFIG.format("push_wait_minutes"),
    "most_extract_files": "engagement.activity:MOST_FILES",
}
_GLUE = {
    "flush_lines": "engagement_jobs.ledger:BATCH",
    "unflushed_lines": "engagement_jobs.ledger:MOST_UNFLUSHED",
    "flush_seconds": "engagement_jobs.ledger:_FLUSH_SECONDS",
    # Of job 2's shuffles; a read of job 1, which becomes a file of scores, has about as many.
    "rows_per_partition": "engagement_jobs.session:_ROWS_PER_PARTITION",
    "extract_on_driver": "engagement_jobs.several:ON_DRIVER",
}
_PARAMETERS = {
    "workers": "NumberOfWorkers",
    "score_timeout_minutes": "ScoreTimeoutMinutes",
    "push_timeout_minutes": "PushTimeoutMinutes",
    "responses_days": "ResponsesDays",
}


def product(home: Path) -> Product:
    """All of them.

    :param home: folder in which Airflow may make its files
    """
    template = _TEMPLATE.read_text(encoding="utf-8")
    found: dict[str, Any] = {
        **dict(zip(_AIRFLOW, sides.airflow("scale.told", *_AIRFLOW.values(), home=home), strict=True)),
        **dict(zip(_GLUE, sides.glue("scale.told", *_GLUE.values()), strict=True)),
        **{name: parameter_default(template, parameter) for name, parameter in _PARAMETERS.items()},
        "concurrent_runs": concurrent_runs(template),
    }
    return cast("Product", found)


def parameter_default(template: str, name: str) -> int:
    """The default of a parameter of a CloudFormation template."""
    (default,) = re.findall(rf"^  {name}:\n(?:    .*\n)*?    Default: (\d+)$", template, re.MULTILINE)
    return int(default)


def concurrent_runs(template: str) -> int:
    """How many runs of either job may go on at the same time."""
    (runs,) = set(re.findall(r"^ +MaxConcurrentRuns: (\d+)$", template, re.MULTILINE))
    return int(runs)
