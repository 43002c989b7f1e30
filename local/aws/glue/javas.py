"""Java between job runs.

Glue starts a run on a machine that it keeps ready. Here it is Java that is kept: one that has run our jobs before runs
them in a third of the time. It is one run's alone until that has succeeded; any other end of a run ends Java with it.
"""

import json
import secrets
import select
import shutil
import threading
from pathlib import Path
from typing import Any

from local.aws import process
from local.spark import conf

_KEEPER = Path(conf.__file__).with_name("keeper.py")
_PATIENCE = 60.0  # seconds, for Java to come up or a program to be ended
# Java keeps what a Python program that has ended had got from it: some 4 MB of a run of ours.
_RUNS = 20


class Java:
    """One that is running. `leader` is the leader of its processes."""

    def __init__(self, python: Path, folder: Path, properties: dict[str, str]):
        folder.mkdir(parents=True)
        self.runs = 0
        self.properties = properties
        self._folder = folder
        env = conf.environment(python, folder, properties)
        with (folder / "log").open("ab") as log:
            self.leader = process.start([str(python), str(_KEEPER)], env, folder, log)
        self._log = (folder / "log").open("rb")

    def ready(self, properties: dict[str, str]) -> dict[str, str]:
        """Set a run's properties; the environment in which it finds this Java. Raises RuntimeError when it is gone."""
        self.runs += 1
        return self._ask({"properties": properties})

    def clear(self) -> bool:
        """End what the run left in it; whether another may come."""
        try:
            self._ask({})
        except RuntimeError:
            return False
        return self.runs < _RUNS

    def said(self) -> bytes:
        """What it has printed since this was asked last."""
        return self._log.read()

    def end(self) -> None:
        """End its processes and remove its files."""
        process.end([self.leader], 0)
        for stream in (self.leader.stdin, self.leader.stdout, self._log):
            if stream:
                stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, request: dict[str, Any]) -> dict[str, str]:
        assert self.leader.stdin is not None  # noqa: S101 - a pipe
        assert self.leader.stdout is not None  # noqa: S101 - a pipe
        try:
            self.leader.stdin.write(json.dumps(request).encode() + b"\n")
            self.leader.stdin.flush()
            answered, _, _ = select.select([self.leader.stdout], [], [], _PATIENCE)
            answer: dict[str, str] = json.loads(self.leader.stdout.readline() if answered else b"")
        except (OSError, ValueError) as error:
            raise RuntimeError(f"Java does not answer, and said: {self.said().decode(errors='replace')}") from error
        return answer


class Javas:
    """Those that wait for a run. `kept_for`: seconds that one waits."""

    def __init__(self, python: Path, folder: Path, kept_for: float = 60.0):
        self._python = python
        self._folder = folder
        self.kept_for = kept_for
        self._waiting: list[Java] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self, properties: dict[str, str]) -> Java:
        """One with the memory and options that the properties ask for, for one run alone."""
        wanted = {name: value for name, value in properties.items() if name.startswith("spark.driver.")}
        with self._lock:
            for java in [each for each in self._waiting if each.properties == wanted]:
                self._waiting.remove(java)
                if java.leader.poll() is None:
                    return java
                java.end()
        return Java(self._python, self._folder / f"java_{secrets.token_hex(8)}", wanted)

    def give_back(self, java: Java) -> None:
        """Keep a cleared one for the next run, for a while."""
        with self._lock:
            self._waiting.append(java)
        timer = threading.Timer(self.kept_for, self._end_unless_taken, [java, java.runs])
        timer.daemon = True
        timer.start()
        if self._closed:
            self.close()

    def close(self) -> None:
        """End those that wait, and keep no more."""
        self._closed = True
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for java in waiting:
            java.end()

    def _end_unless_taken(self, java: Java, runs: int) -> None:
        with self._lock:
            if java not in self._waiting or java.runs != runs:
                return
            self._waiting.remove(java)
        java.end()
