"""The page's HTML: it loads nothing, says what there is, and cannot be written into from outside."""

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
BROKEN = UnreadableRun(RunLocation("2026-11-22", "x-0123abcd"), WRITTEN, "it is no JSON")


def page(
    *runs: Run | UnreadableRun, recent: RunWindow | None = None, days: int = 30, bucket: str = "output-bucket"
) -> Page:
    recent = recent or RunWindow(runs, frozenset(run.location for run in runs if run is not BROKEN))
    return pages.runs(recent, days=days, today=TODAY, bucket=bucket, timezone="Europe/Berlin")


def parsed(made: Page) -> test_report.Page:
    html = made.html.replace(re.findall("<script>.*?</script>", made.html, re.DOTALL)[0], "")
    found = test_report.Page(html)
    assert found.open == []
    return found


def text(made: Page) -> str:
    return test_report.squeezed(parsed(made).text)


PAGES = {
    "runs": page(a_run(), a_run("2026-11-21", mode="dry_run"), BROKEN),
    "empty": page(),
    "hostile": page(a_run(run_id=HOSTILE, headline=HOSTILE, mode=HOSTILE), bucket=HOSTILE),
    "report": pages.one_report(RunLocation("2026-11-23", "x-0123abcd")),
    "message": pages.message(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
}


@pytest.mark.parametrize("made", PAGES.values(), ids=PAGES)
def test_nothing_is_loaded_and_nothing_else_runs(made: Page) -> None:
    tags = parsed(made).tags
    assert {tag for tag, _ in tags}.isdisjoint({"script", "link", "img", "object", "embed", "form", "base", "use"})
    names = {name for _, attributes in tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"style", "srcset", "action"}
    links = [a["href"] or "" for tag, a in tags if tag == "a"]
    assert [link for link in links if not re.fullmatch(r"\?days=\d+|runs/[\w./-]+|\.\./\.\./", link)] == []
    assert [a["src"] for tag, a in tags if tag == "iframe"] in ([], ["x-0123abcd/report"])


@pytest.mark.parametrize("made", PAGES.values(), ids=PAGES)
def test_the_policy_allows_this_very_style_and_script_only(made: Page) -> None:
    allowed = {}
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", made.html, re.DOTALL)
        allowed[tag] = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert made.policy == (
        f"default-src 'none'; style-src 'sha256-{allowed['style']}'; script-src 'sha256-{allowed['script']}'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def test_hostile_words_are_shown_as_words() -> None:
    assert parsed(PAGES["message"]).text.count(HOSTILE) == 4
    shown = parsed(PAGES["hostile"])
    assert HOSTILE in shown.text
    assert [a["title"] for tag, a in shown.tags if tag == "td" and "title" in a] == [HOSTILE]


def test_a_line_tells_its_numbers() -> None:
    told = text(page(a_run()))
    for words in (
        "✓ Success Engagement delivery latest run, 2026-11-23",
        "970 of 1,000 scores of 2026-11-23 are delivered; 8 customers were not reached.",
        "2026-11-23 ✓ Success scheduled ended 2026-11-23 05:00",
        "delivered: 970 (97.0 %)",
        "8 83 ms $0.088 Report of 2026-11-23",
    ):
        assert words in told
    assert "No run of a later date" not in told


def test_the_bar_of_outcomes_has_a_text_alternative() -> None:
    drawn = [a for tag, a in parsed(page(a_run())).tags if tag == "svg"]
    assert len(drawn) == 5
    assert {a["role"] for a in drawn} == {"img"}
    assert any("Outcomes: delivered: 970" in (a["aria-label"] or "") for a in drawn)


def test_the_head_shows_the_latest_run_that_was_no_dry_run() -> None:
    dry = a_run("2026-11-24", mode="dry_run", headline="Dry run.")
    made = page(dry, a_run("2026-11-23", status="failed", headline="It broke."), a_run("2026-11-22"))
    head = text(made).split("Over time")[0]
    assert "✕ Failed" in head
    assert "It broke." in head
    assert "Dry run." in text(page(dry)).split("Runs since")[0]


def test_days_without_any_run_are_told() -> None:
    assert "No run of a later date than 2026-11-22 has left a summary." in text(page(a_run("2026-11-22")))
    assert "No run of a later date" not in text(page(a_run("2026-11-23")))


def test_what_cannot_be_read_is_one_line() -> None:
    told = text(page(a_run(), BROKEN))
    assert "2026-11-22 ? Not known Its summary cannot be read: it is no JSON. x-0123abcd no report" in told


def test_an_empty_window_says_where_was_looked_and_what_to_do() -> None:
    told = text(page(days=7))
    assert "No run in these 7 days." in told
    assert "No summary in bucket output-bucket under summaries/dt=2026-11-18/" in told
    assert "See that the DAG is not paused" in told


def test_the_window_that_is_shown_is_marked() -> None:
    links = [a for tag, a in parsed(page(a_run(), days=90)).tags if tag == "a" and (a["href"] or "")[0] == "?"]
    assert [(a["href"], a.get("aria-current")) for a in links] == [
        ("?days=7", None),
        ("?days=30", None),
        ("?days=90", "true"),
    ]


def test_left_out_runs_are_told() -> None:
    recent = RunWindow([a_run()], frozenset(), left_out=1234)
    assert "1,234 older runs are left out." in text(page(recent=recent))
    assert "no report" in text(page(recent=recent))


def test_ninety_days_are_light() -> None:
    runs = [a_run((TODAY - timedelta(days=n)).isoformat()) for n in range(90)]
    assert len(page(*runs, days=90).html) < 300_000


def test_a_mistyped_year_neither_leads_nor_stretches_the_charts() -> None:
    far = a_run("2206-11-23", run_id="far", headline="Far away.")
    made = page(far, a_run("2026-11-23", headline="As usual."))
    assert "As usual." in text(made)
    assert "2206-11-23" in text(made)  # in the table, with its report
    assert len(made.html) < len(page(a_run("2026-11-23")).html) + 5_000


def test_dry_runs_and_what_cannot_be_read_count_as_runs_that_came() -> None:
    old, dry = a_run("2026-11-18", headline="As usual."), a_run("2026-11-24", run_id="dry", mode="dry_run")
    said = text(page(dry, old))
    assert "Of 2026-11-24 there is only a dry run" in said
    assert "No run of a later date" not in said
    assert "there is only" not in text(page(a_run("2026-11-24"), old))


def test_a_summary_that_cannot_be_read_is_no_absence() -> None:
    said = text(page(BROKEN))
    assert "No summary of these 30 days can be read." in said
    assert "No run in these" not in said
