"""docs/performance.md, made from what was measured. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from benchmarks import dag_import
from benchmarks.end_to_end import report as end_to_end
from benchmarks.push import report as push
from benchmarks.results import Result, told
from benchmarks.scale import report as scale
from benchmarks.score import report as score

# In the order of the page, and in which they are measured: the last one calculates with what the others found.
PARTS: dict[str, Callable[[Any], str]] = {
    "push": push.section,
    "score": score.section,
    "end-to-end": end_to_end.section,
    "dag-import": dag_import.section,
    "scale": scale.section,
}
# What the pictures of `benchmarks.charts` show.
_PICTURES = {
    "push": "Requests per second of each client",
    "score": "Seconds by number of rows",
    "end-to-end": "Where the time of a day goes",
    "scale": "Hours by number of users",
}

_HEAD = """\
# Performance

Written by `make bench`; change `benchmarks/`, not this page. Compare ratios
rather than figures: client and server share one machine, and another machine gives other figures. Figures are medians
of rounds in which all took turns, with the lowest and the highest; a ratio is taken within a round. A wish that is
missed is marked and fails nothing, for no test asserts a time.

`make bench ONLY="push scale"` measures some parts anew and leaves the others as they were. Every figure of every round
is in [performance.json](performance.json).
"""


def document(results: dict[str, Result]) -> str:
    """The page, from the results that there are."""
    missing = [part for part in PARTS if part not in results]
    said = f"Not measured yet: {', '.join(missing)}.\n" if missing else ""
    return "\n".join([_HEAD + said, *(_section(part, results[part]) for part in PARTS if part in results)])


def wishes(results: dict[str, Result]) -> list[str]:
    """All that was wanted, and whether it was met."""
    return re.findall(r"^- (?:met|\*\*missed\*\*): .*$", document(results), re.MULTILINE)


def _section(part: str, result: Result) -> str:
    head, _, rest = PARTS[part](result["found"]).partition("\n")
    picture = f"\n![{_PICTURES[part]}](charts/{part}.svg)\n" if part in _PICTURES else ""
    return f"{head}\n\n{told(result)}\n{picture}{rest}"
