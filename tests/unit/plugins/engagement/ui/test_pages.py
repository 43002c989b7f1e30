"""The HTML of the dashboard: it loads nothing, shows the runs and escapes all texts."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date, timedelta

import pytest

from engagement.ui import pages
from engagement.ui.pages import Page
from engagement.ui.run_entry import Run, UnreadableRun
from engagement.ui.run_keys import RunLocation
from engagement.ui.run_list import RunWindow
from tests.unit.plugins.engagement.dashboard_factory import HOSTILE, a_run
from tests.unit.plugins.engagement.memory_bucket import WRITTEN
from tests.unit.plugins.engagement.summary import test_report

TODAY = date(2026, 11, 24)
BROKEN = UnreadableRun(RunLocation("2026-11-22", "x-0123abcd"), WRITTEN, "not JSON")


def page(
    *runs: Run | UnreadableRun, recent: RunWindow | None = None, days: int = 30, bucket: str = "output-bucket"
) -> Page:
    recent = recent or RunWindow(runs, frozenset(run.location for run in runs if run is not BROKEN))
    return pages.run_list(recent, days=days, today=TODAY, bucket=bucket, timezone="Europe/Berlin")


def parsed(rendered: Page) -> test_report.Page:
    html = rendered.html.replace(re.findall("<script>.*?</script>", rendered.html, re.DOTALL)[0], "")
    parsed_page = test_report.Page(html)
    assert parsed_page.open == []
    return parsed_page


def text(rendered: Page) -> str:
    return test_report.squeeze(parsed(rendered).text)


PAGES = {
    "runs": page(a_run(), a_run("2026-11-21", mode="dry_run"), BROKEN),
    "empty": page(),
    "hostile": page(a_run(run_id=HOSTILE, headline=HOSTILE, mode=HOSTILE), bucket=HOSTILE),
    "report": pages.framed_report(RunLocation("2026-11-23", "x-0123abcd")),
    "error": pages.error(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
}


@pytest.mark.parametrize("rendered", PAGES.values(), ids=PAGES)
def test_the_page_loads_and_runs_nothing_else(rendered: Page) -> None:
    tags = parsed(rendered).tags
    assert {tag for tag, _ in tags}.isdisjoint({"script", "link", "img", "object", "embed", "form", "base", "use"})
    names = {name for _, attributes in tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"style", "srcset", "action"}
    links = [a["href"] or "" for tag, a in tags if tag == "a"]
    assert [link for link in links if not re.fullmatch(r"\?days=\d+|runs/[\w./-]+|\.\./\.\./", link)] == []
    assert [a["src"] for tag, a in tags if tag == "iframe"] in ([], ["x-0123abcd/report"])


@pytest.mark.parametrize("rendered", PAGES.values(), ids=PAGES)
def test_the_policy_allows_only_its_own_style_and_script(rendered: Page) -> None:
    allowed = {}
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", rendered.html, re.DOTALL)
        allowed[tag] = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert rendered.policy == (
        f"default-src 'none'; style-src 'sha256-{allowed['style']}'; script-src 'sha256-{allowed['script']}'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def test_hostile_text_is_shown_as_text() -> None:
    assert parsed(PAGES["error"]).text.count(HOSTILE) == 4
    shown = parsed(PAGES["hostile"])
    assert HOSTILE in shown.text
    assert [a["title"] for tag, a in shown.tags if tag == "td" and "title" in a] == [HOSTILE]


def test_a_row_shows_the_numbers_of_a_run() -> None:
    shown = text(page(a_run()))
    for expected in (
        "✓ Success Engagement delivery latest run, 2026-11-23",
        "970 of 1,000 scores for 2026-11-23 were delivered. 8 users were not reached.",
        "2026-11-23 ✓ Success scheduled ended 2026-11-23 05:00",
        "delivered: 970 (97.0 %)",
        "8 83 ms $0.088 Report of 2026-11-23",
    ):
        assert expected in shown
    assert "There is no summary for" not in shown


def test_an_incomplete_count_is_shown_as_a_limit() -> None:
    drawn = page(a_run(status="failed", counts_complete=False, unaccounted=20, not_reached=28))
    shown = text(drawn)
    assert "✕ Failed scheduled ended 2026-11-23 05:00 1,000 delivered: at least 970 (97.0 %)" in shown
    assert "unaccounted: at most 20 (2.0 %) at most 28 83 ms" in shown
    assert "2026-11-23: at most 28" in shown


def test_the_outcome_bar_has_a_text_alternative() -> None:
    drawn = [a for tag, a in parsed(page(a_run())).tags if tag == "svg"]
    assert len(drawn) == 5
    assert {a["role"] for a in drawn} == {"img"}
    assert any("Outcomes: delivered: 970" in (a["aria-label"] or "") for a in drawn)


def test_the_headline_is_from_the_latest_run_not_a_dry_run() -> None:
    dry = a_run("2026-11-24", mode="dry_run", headline="Dry run.")
    rendered = page(dry, a_run("2026-11-23", status="failed", headline="It broke."), a_run("2026-11-22"))
    head = text(rendered).split("Over time")[0]
    assert "✕ Failed" in head
    assert "It broke." in head
    assert "Dry run." in text(page(dry)).split("Runs since")[0]


def test_dates_without_a_run_are_reported() -> None:
    assert "There is no summary for any date after 2026-11-22." in text(page(a_run("2026-11-22")))
    assert "There is no summary for" not in text(page(a_run("2026-11-23")))


def test_an_unreadable_summary_has_a_row() -> None:
    shown = text(page(a_run(), BROKEN))
    assert "2026-11-22 ? Unreadable The summary cannot be read: not JSON. x-0123abcd no report" in shown


def test_an_empty_window_says_what_to_check() -> None:
    shown = text(page(days=7))
    assert "No runs in the last 7 days." in shown
    assert "The bucket output-bucket has no summary under summaries/dt=2026-11-18/" in shown
    assert "Check that the DAG is not paused" in shown


def test_the_current_window_is_marked() -> None:
    links = [a for tag, a in parsed(page(a_run(), days=90)).tags if tag == "a" and (a["href"] or "")[0] == "?"]
    assert [(a["href"], a.get("aria-current")) for a in links] == [
        ("?days=7", None),
        ("?days=30", None),
        ("?days=90", "true"),
    ]


def test_runs_beyond_the_limit_are_reported() -> None:
    recent = RunWindow([a_run()], frozenset(), left_out=1234)
    assert "1,234 older runs are not shown." in text(page(recent=recent))
    assert "no report" in text(page(recent=recent))


def test_the_page_of_90_days_is_small() -> None:
    runs = [a_run((TODAY - timedelta(days=n)).isoformat()) for n in range(90)]
    assert len(page(*runs, days=90).html) < 300_000


def test_a_mistyped_year_is_listed_only() -> None:
    far = a_run("2206-11-23", run_id="far", headline="Far away.")
    rendered = page(far, a_run("2026-11-23", headline="As expected."))
    assert "As expected." in text(rendered)
    assert "2206-11-23" in text(rendered)  # in the table, with its report
    assert len(rendered.html) < len(page(a_run("2026-11-23")).html) + 5_000


def test_dry_runs_and_unreadable_runs_are_not_missing() -> None:
    old, dry = a_run("2026-11-18", headline="As expected."), a_run("2026-11-24", run_id="dry", mode="dry_run")
    shown = text(page(dry, old))
    assert "For 2026-11-24 there is only a dry run" in shown
    assert "There is no summary for" not in shown
    assert "there is only" not in text(page(a_run("2026-11-24"), old))


def test_unreadable_summaries_are_not_missing() -> None:
    shown = text(page(BROKEN))
    assert "No summary of the last 30 days can be read." in shown
    assert "No runs in" not in shown
