"""docs/reference/performance.md: tables, targets and the document itself, made from the results alone."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

from benchmarks.results import Part, Results

# With more of the CPU time used by other programs, a figure says little about this one.
_MAX_ELSEWHERE = 0.1
_WIDTH = 120
_MET, _MISSED, _NOT_MEASURED = "yes", "**no**", "not measured"
_HEAD = """\
# Performance

Written by `make bench`; change `benchmarks/`, not this page. Client and server share one machine, so compare ratios
rather than figures. Each figure is the median of rounds in which all contestants take turns (with the lowest and the
highest round in parentheses), and each ratio is taken within a round. Every value is in
[performance.json](performance.json). `make bench ONLY="push score" ROUNDS=5` measures some parts; the others keep their
figures and dates. `make bench QUICK=1 ONLY="push score"` measures just the targets and leaves this page alone.
"""

Format = Callable[[float], str]


@dataclass(frozen=True)
class Target:
    """What the project wants to reach, and what was measured.

    :param measured: by round; empty when this was not measured
    :param at_least: whether `limit` is the least that is wanted, not the most
    :param of: what a ratio is taken to
    """

    what: str
    measured: Sequence[float]
    limit: float
    form: Format
    at_least: bool = False
    of: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None when nothing was measured."""
        if not self.measured:
            return None
        found = statistics.median(self.measured)
        return found >= self.limit if self.at_least else found <= self.limit

    def cells(self) -> tuple[str, str, str]:
        """Its row in a table: wanted, measured, met."""
        limit = self.form(self.limit) + (f" times {self.of}" if self.of else "")
        wanted = f"{self.what}: at {'least' if self.at_least else 'most'} {limit}"
        if self.met is None:
            return wanted, _NOT_MEASURED, ""
        return wanted, median(self.measured, self.form), _MET if self.met else _MISSED


def times(ratio: float) -> str:
    """Show a ratio."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"


def median(measured: Sequence[float], form: Format) -> str:
    """Show the median and, where they differ, the lowest and the highest value; nothing for no values."""
    if not measured:
        return ""
    middle, low, high = (form(value) for value in (statistics.median(measured), min(measured), max(measured)))
    return middle if low == high else f"{middle} ({low} to {high})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Show a table in Markdown that is readable in a terminal, too."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    first, *rest = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in (head, *rows)]
    return "\n".join([first, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rest])


def targets(wanted: Sequence[Target]) -> str:
    """Show all targets as a table."""
    return table(("wanted", "measured", "met"), [target.cells() for target in wanted])


def document(parts: dict[str, ModuleType], results: Results) -> str:
    """The page.

    :param parts: module of each part, in the order of the page. Each has TITLE, CHART (a description of its picture),
        `targets(figures)` and `text(part)`
    """
    return "\n".join([_HEAD, *(_section(name, module, results.get(name)) for name, module in parts.items())])


def _section(name: str, module: ModuleType, part: Part | None) -> str:
    if part is None:
        return f"## {module.TITLE}\n\nNot measured yet.\n"
    head = (f"## {module.TITLE}", f"*{_measured(part)}.*", f"![{module.CHART}](charts/{name}.svg)")
    wanted = module.targets(part.figures)
    blocks = [*head, *module.text(part).split("\n\n"), *([targets(wanted)] if wanted else [])]
    return "\n\n".join(map(_filled, blocks)) + "\n"


def _filled(block: str) -> str:
    """Break the lines of a paragraph, or of the items of a list, at the page's width."""
    if block.startswith(("#", "|", "!")):
        return block
    if block.startswith("- "):
        items = block.removeprefix("- ").split("\n- ")
        return "\n".join(textwrap.fill(f"- {item}", _WIDTH, subsequent_indent="  ") for item in items)
    return textwrap.fill(block, _WIDTH)


def _measured(part: Part) -> str:
    """When and on what a part was measured, and whether the machine was busy with something else."""
    versions = ", ".join(f"{name} {version}" for name, version in part.versions.items())
    took = f"Measured {part.on} on {part.machine} in {max(1, round(part.seconds / 60))} min"
    busy = f"other programs used {part.elsewhere:.0%} of the CPU time"
    if part.elsewhere > _MAX_ELSEWHERE:
        busy += ": **measure again when the machine is idle**"
    return "; ".join(filter(None, (took, busy, versions)))
