"""Spark properties of a job run."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.spark import conf


def test_a_chained_conf_argument_is_parsed() -> None:
    assert conf.parse_conf_argument("a.b=1 --conf c=x=y --conf   d=two words ") == {
        "a.b": "1",
        "c": "x=y",
        "d": "two words",
    }
    assert conf.parse_conf_argument("") == {}


def test_a_conf_without_a_value_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"expected name=value, got 'spark.speculation'"):
        conf.parse_conf_argument("a=1 --conf spark.speculation")


@pytest.mark.parametrize(
    ("worker", "count", "slots", "dpus"),
    [("G.1X", 2, 4, 2.0), ("G.1X", 3, 8, 3.0), ("G.2X", 2, 8, 4.0), (None, None, 4, 2.0)],
)
def test_slots_and_capacity_depend_on_the_workers(
    worker: str | None, count: int | None, slots: int, dpus: float
) -> None:
    assert conf.task_slots(worker, count) == slots
    assert conf.dpus(worker, count) == dpus


def test_buckets_are_mounted_and_the_jobs_conf_wins(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    properties = conf.properties(tmp_path, tmp_path, 4, "spark.driver.memory=2g")
    mounts = {key: value for key, value in properties.items() if "mounttable" in key}
    assert mounts == {
        f"spark.hadoop.fs.viewfs.mounttable.{name}.linkFallback": (tmp_path / name).as_uri() for name in ("one", "two")
    }
    assert properties["spark.driver.memory"] == "2g"
    assert properties["spark.master"] == "local[4]"
