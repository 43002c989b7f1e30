"""What the parts of the page have in common: tables, medians with their spread, and wishes. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

MET, MISSED = "met", "**missed**"
# Beyond this share of the CPU time, times tell about the other programs.
MOST_ELSEWHERE = 0.1

Format = Callable[[float], str]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, which a terminal shows well enough."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    first, *rest = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in (head, *lines)]
    return "\n".join([first, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rest])


def median(values: Sequence[float], form: Format) -> str:
    """The middle one, and where they differ the lowest and the highest."""
    middle, low, high = (form(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def wish(what: str, found: Sequence[float], form: Format, *, least: float | None = None, most: float = 0) -> str:
    """A line that tells what was wanted, at least or at most, and whether the median of what was found is that."""
    middle = statistics.median(found)
    met = middle >= least if least is not None else middle <= most
    wanted = f"at least {form(least)}" if least is not None else f"at most {form(most)}"
    return f"- {MET if met else MISSED}: {what} {median(found, form)}, wanted {wanted}"


def disturbance(elsewhere: float) -> str:
    """How much other programs had of the machine (0 to 1), and whether that spoils the figures."""
    share = f"other programs had {elsewhere:.0%} of the machine's CPU time meanwhile"
    return share if elsewhere <= MOST_ELSEWHERE else f"{share}: **measure again when it is idle**"
