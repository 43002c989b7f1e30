"""Java that is kept between runs: it carries nothing from one to the next, and nobody gets one that is not well."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.aws.glue.javas import Java, Javas
from local.aws.settings import default_glue_python
from local.spark import conf

PROGRAM = """
import sys
from pyspark import SparkContext
context = SparkContext(appName="of the tests")
print(context.getConf().get("spark.of.the.tests", "nothing"), context.defaultParallelism)
context._jvm.System.err.println("said by Java")
"""


@pytest.fixture
def javas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Javas]:
    """None yet; whatever is taken ends with the test."""
    made: list[Java] = []
    take = Javas.take

    def remembered(javas: Javas, wanted: dict[str, str]) -> Java:
        made.append(take(javas, wanted))
        return made[-1]

    monkeypatch.setattr(Javas, "take", remembered)
    yield Javas(default_glue_python(), tmp_path)
    for java in made:
        java.end()


def properties(tmp_path: Path, given: str = "", slots: int = 1) -> dict[str, str]:
    return conf.properties(tmp_path, tmp_path, slots, given)


def run(java: Java, of_run: dict[str, str]) -> str:
    """What the program says with such properties, and Java afterwards."""
    env = {"PATH": os.environ["PATH"], **java.ready(of_run)}
    done = subprocess.run(
        [default_glue_python(), "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout + java.said().decode()


def test_one_java_serves_run_after_run_and_each_finds_its_own_properties_alone(javas: Javas, tmp_path: Path) -> None:
    first = javas.take(properties(tmp_path))
    assert run(first, properties(tmp_path, "spark.of.the.tests=1", 2)) == "1 2\nsaid by Java\n"
    assert first.clear()
    javas.give_back(first)
    again = javas.take(properties(tmp_path))
    assert again is first
    assert run(again, properties(tmp_path)) == "nothing 1\nsaid by Java\n"


def test_a_java_is_one_runs_alone_and_has_the_memory_that_it_asks_for(javas: Javas, tmp_path: Path) -> None:
    first, second = (javas.take(properties(tmp_path)) for _ in range(2))
    assert first is not second
    assert first.ready({}) != second.ready({})
    assert first.clear()
    javas.give_back(first)
    large = javas.take(properties(tmp_path, "spark.driver.memory=2g"))
    assert large is not first
    assert large.properties["spark.driver.memory"] == "2g"


def test_one_that_died_while_it_waited_is_not_handed_out(javas: Javas, tmp_path: Path) -> None:
    java = javas.take(properties(tmp_path))
    java.ready({})
    assert java.clear()
    javas.give_back(java)
    java.leader.kill()
    java.leader.wait()
    other = javas.take(properties(tmp_path))
    assert other is not java


def test_one_that_does_not_come_up_says_why(javas: Javas, tmp_path: Path) -> None:
    java = javas.take(properties(tmp_path, "spark.driver.memory=much"))
    with pytest.raises(RuntimeError, match=r"(?s)Java does not answer, and said: .*-Xmxmuch"):
        java.ready({})
    assert not java.clear()


def test_after_so_many_runs_another_takes_its_place(
    javas: Javas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.aws.glue.javas._RUNS", 2)
    java = javas.take(properties(tmp_path))
    java.ready({})
    assert java.clear()
    java.ready({})
    assert not java.clear()


def test_one_that_nobody_takes_ends_and_so_does_one_that_comes_back_late(javas: Javas, tmp_path: Path) -> None:
    javas.kept_for = 0.2
    idle, late = (javas.take(properties(tmp_path)) for _ in range(2))
    for java in (idle, late):
        java.ready({})
        assert java.clear()
    javas.give_back(idle)
    _wait(lambda: idle.leader.poll() is not None)
    javas.close()
    javas.give_back(late)
    _wait(lambda: late.leader.poll() is not None)
    _wait(lambda: not list(tmp_path.glob("java_*")))


def _wait(until: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
