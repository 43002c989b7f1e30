"""Links and paths in the documentation lead to files, headings and names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs.messages import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = "dags|plugins|glue_jobs|infra|local|benchmarks|tests|docs|requirements|\\.ci|\\.github"
EXAMPLES = {"infra/environments/production.toml"}
"""Files that a reader creates."""


def links(text: str) -> list[tuple[str, str]]:
    """Return path and anchor of each link that stays in the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [(path, anchor) for path, _, anchor in (target.partition("#") for target in targets) if "://" not in path]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def names_in(source: str) -> set[str]:
    """Return the functions and classes of a Python file."""
    return set(re.findall(r"^ *(?:async def|def|class) (\w+)", source, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page.read_text(encoding="utf-8")):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_in_text_exist(page: Path) -> None:
    quoted = re.findall(rf"`((?:{FOLDERS})/[\w./*-]*)(?::(\w+))?`", page.read_text(encoding="utf-8"))
    for path, name in quoted:
        found = sorted(ROOT.glob(path)) if path not in EXAMPLES else [ROOT]
        assert found, path
        assert not name or name in names_in(found[0].read_text(encoding="utf-8")), f"{path}:{name}"


def test_there_are_links_and_paths() -> None:
    everything = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(links(everything)) > 50
    assert len(re.findall(rf"`(?:{FOLDERS})/", everything)) > 50
