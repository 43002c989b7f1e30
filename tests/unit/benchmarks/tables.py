"""Tables of a page, to compare with."""

from __future__ import annotations


def cells(page: str) -> list[list[str]]:
    """Every line of every table, cell by cell; rules are left out."""
    lines = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines if set("".join(line)) != {"-"}]
