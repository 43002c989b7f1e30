"""What the pages of all benchmarks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from local.processes import REPOSITORY

# Beyond this share of the CPU time, times tell about the other programs.
MOST_ELSEWHERE = 0.1


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, which a terminal shows well enough."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    first, *rest = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in (head, *lines)]
    return "\n".join([first, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rest])


def disturbance(elsewhere: float) -> str:
    """How much other programs had of the machine (0 to 1), and whether that spoils the figures."""
    share = f"Other programs had {elsewhere:.0%} of the machine's CPU time meanwhile"
    return f"{share}." if elsewhere <= MOST_ELSEWHERE else f"{share}: **measure again when it is idle**."


def write(path: Path, text: str) -> None:
    """Write a file of the repository, and say so."""
    path.write_text(text, encoding="utf-8")
    print(f"Wrote {path.relative_to(REPOSITORY)}")
