"""Errors as one line: what Glue shows as the ErrorMessage of a run is read in tables and messages."""

from __future__ import annotations

_MAX_LENGTH = 300
_JAVA_CAUSE, _JAVA_ERROR = "Caused by: ", ": "


def root_cause(error: BaseException) -> str:
    """Return the innermost cause of an error in one line, without a full stop at its end.

    The text of an error of Spark is a Java trace. It lists the causes from the outermost, which is a layer of Spark, to
    the innermost.
    """
    lines = str(error).splitlines()
    causes = [line.removeprefix(_JAVA_CAUSE) for line in lines if line.startswith(_JAVA_CAUSE)]
    if not causes:  # the first line of py4j says which method was called
        causes = [line.removeprefix(_JAVA_ERROR) for line in lines if line.startswith(_JAVA_ERROR)] or lines[:1]
    text = " ".join(causes[-1].split())[:_MAX_LENGTH].rstrip(".") if causes else "no message"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)  # of a damaged file


def describe(error: BaseException) -> str:
    """Return class and innermost cause of an error in one line."""
    return f"{type(error).__name__}: {root_cause(error)}"
