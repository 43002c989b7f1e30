"""Spark properties of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.spark import conf


def test_glues_chained_conf_is_taken_apart() -> None:
    assert conf.parse_conf_argument("a.b=1 --conf c=x=y --conf   d=two words ") == {
        "a.b": "1",
        "c": "x=y",
        "d": "two words",
    }
    assert conf.parse_conf_argument("") == {}


def test_a_conf_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found 'spark.speculation', wanted name=value"):
        conf.parse_conf_argument("a=1 --conf spark.speculation")


@pytest.mark.parametrize(
    ("worker", "count", "slots", "dpus"),
    [("G.1X", 2, 4, 2.0), ("G.1X", 3, 8, 3.0), ("G.2X", 2, 8, 4.0), (None, None, 4, 2.0)],
)
def test_slots_and_capacity_follow_the_workers(worker: str | None, count: int | None, slots: int, dpus: float) -> None:
    assert conf.task_slots(worker, count) == slots
    assert conf.dpus(worker, count) == dpus


def test_every_bucket_is_mounted_and_the_jobs_own_properties_win(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    found = conf.properties(tmp_path, tmp_path, 4, "spark.driver.memory=2g")
    mounts = {key: value for key, value in found.items() if "mounttable" in key}
    assert mounts == {
        f"spark.hadoop.fs.viewfs.mounttable.{name}.linkFallback": (tmp_path / name).as_uri() for name in ("one", "two")
    }
    assert found["spark.driver.memory"] == "2g"
    assert found["spark.master"] == "local[4]"
