"""The report: one file that loads nothing, says what happened and escapes all texts."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from engagement.aws.glue_runs import GlueRuns
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Checks, Finding, Summary
from engagement.summary import report
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts
from tests.unit.plugins.engagement import run_factory as factory
from tests.unit.plugins.engagement.dashboard_factory import HOSTILE

build = factory.full_summary
VOID = {"meta", "rect", "br", "img", "link"}


class Page(HTMLParser):
    """A parsed page: tags with attributes, and the text. Tags must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " "
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\N{NO-BREAK SPACE}", " "))


def hostile() -> RunArtifacts:
    errors = [factory.ERRORS[0].model_copy(update={"reason": HOSTILE, "detail": HOSTILE})]
    run = factory.glue_run(HOSTILE, HOSTILE, state="FAILED", error=HOSTILE, started_at=HOSTILE)
    scores = factory.scores_manifest(
        reasons={HOSTILE: 15},
        samples={HOSTILE: [{HOSTILE: HOSTILE}]},
        weights={"version": HOSTILE, "sha256": HOSTILE},
        scored_at=HOSTILE,
    )
    delivery = factory.delivery_manifest(
        warnings=[HOSTILE],
        errors=errors,
        status_codes={HOSTILE: 1},
        stopped={"cause": "deadline", "detail": HOSTILE},
        crm_version=HOSTILE,
        crm_sha256=HOSTILE,
        not_before=HOSTILE,
        attempts=[HOSTILE, factory.LAST],
    )
    return factory.artifacts(
        dag_id=HOSTILE,
        run_id=HOSTILE,
        tasks={HOSTILE: HOSTILE},
        glue=GlueRuns((run,), (HOSTILE,), HOSTILE),
        latest_glue_runs={"push_scores": run},
        scores=LoadedManifest(HOSTILE, scores),
        delivery=LoadedManifest(HOSTILE, delivery),
        broken_aggregates=[HOSTILE],
        checks=Checks(warnings=(HOSTILE,), passed=(HOSTILE,)),
        aggregates={HOSTILE: [factory.aggregate(HOSTILE, "0", {}, posts=3, status_codes={HOSTILE: 3})]},
    )


def test_invalid_rows_and_warnings_are_shown() -> None:
    page = squeeze(report.render(build(factory.artifacts())))
    assert 'negative_login_count<br><code>{"items_viewed": 3, "login_count": -1}</code>' in page
    assert '<h2 id="warnings">Warnings</h2>' in page
    assert "<li>fewer than usual</li>" in page
    without = factory.artifacts(checks=Checks(warnings=(), passed=("rows add up",)))
    assert "Warnings" not in report.render(build(without))


def test_warnings_of_a_dry_run_are_shown_with_the_others() -> None:
    delivery = LoadedManifest("d", factory.delivery_manifest(warnings=["Could not connect to the CRM: no route"]))
    page = squeeze(report.render(build(factory.artifacts(delivery=delivery))))
    assert "<li>fewer than usual</li><li>Could not connect to the CRM: no route</li>" in page
    assert "by check_scores and by the dry run" in page


@pytest.fixture(params=["success", "nothing", "hostile"])
def html(request: pytest.FixtureRequest) -> str:
    runs = {"success": factory.artifacts, "nothing": factory.without_extract, "hostile": hostile}
    summary = build(runs[request.param](), mode_reason=HOSTILE if request.param == "hostile" else "")
    return report.render(summary, "Europe/Berlin")


def test_the_report_loads_and_runs_nothing(html: str) -> None:
    page = Page(html)
    assert page.open == []
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "use", "image"})
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert names.isdisjoint({"src", "href", "style", "srcset", "xlink:href", "action"})
    assert not re.search(r"url\(|@import", html)


def test_the_policy_allows_only_its_own_style_sheet(html: str) -> None:
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = [a["content"] for tag, a in Page(html).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_hostile_text_is_shown_as_text() -> None:
    page = Page(report.render(build(hostile(), mode_reason=HOSTILE)))
    assert page.text.count(HOSTILE) >= 15
    assert "49" not in squeeze(page.text).split("onerror=alert(1)")[0]


def test_a_success_shows_its_numbers() -> None:
    text = squeeze(Page(report.render(build(factory.artifacts()), "Europe/Berlin")).text)
    for expected in (
        "✓ Success",
        "970 of 1,000 scores for 2026-11-23 were delivered. 8 users were not reached.",
        "0.8 %, limit 1 %",
        "including 22 retries",
        "delivered The CRM has the score. 970 97.0 %",
        "http_422 about:blank rejected 422 5",
        "worker lost",
        "2026-11-23 04:16:00",  # Glue's 03:16 UTC
        "null_user_id 5",
    ):
        assert expected in text
    assert "Findings" not in text


def test_a_failure_leads_with_cause_and_advice() -> None:
    text = squeeze(Page(report.render(build(factory.without_extract()))).text)
    cause = text.index("wait_for_activity failed Next: Check that the extract of 2026-11-23 is uploaded")
    assert "✕ Failed" in text[:cause]
    assert cause < text.index("Delivered")
    assert "No request was recorded." in text


def test_reasons_are_shown_below_the_headline() -> None:
    page = report.render(build(factory.artifacts()))
    assert '<p class="lead"><b>8 not reached:</b> http_422 (5), http_503 (2), timeout (1)</p>' in page


def test_without_a_push_no_users_were_reached() -> None:
    stopped = {"check_scores": "failed", "push_scores": "upstream_failed"}
    artifacts = factory.artifacts(
        tasks=dict.fromkeys(factory.TASKS, "success") | stopped,
        delivery=factory.MISSING,
        aggregates={},
        latest_glue_runs={},
    )
    text = squeeze(Page(report.render(build(artifacts))).text)
    assert "No users were reached: the push job did not run" in text
    assert "Not reached 1,000 nothing was sent" in text
    assert "All users: an earlier task failed" in text


@pytest.mark.parametrize("version", ["2026-12-01", "of our CRM", None])
def test_the_crm_document_is_identified(version: str | None) -> None:
    manifest = factory.delivery_manifest(crm_version=version, crm_sha256=version and "c7" * 32)
    summary = build(factory.artifacts(delivery=LoadedManifest("d", manifest)))
    assert (summary.crm_version, summary.crm_sha256) == (version, version and "c7" * 32)
    text = squeeze(Page(report.render(summary)).text)
    assert (f"CRM document {version} · sha256 {'c7' * 32}" in text) == ("CRM document" in text) == (version is not None)


@pytest.mark.parametrize("ignored", ["2026-11-23T03:20:00Z", None])
def test_an_ignored_pause_is_shown_in_local_time(ignored: str | None) -> None:
    manifest = factory.delivery_manifest(retry_after_ignored=ignored)
    summary = build(factory.artifacts(delivery=LoadedManifest("d", manifest)))
    assert summary.retry_after_ignored == ignored
    text = squeeze(Page(report.render(summary, "Europe/Berlin")).text)
    shown = (
        "A pause until 2026-11-23 04:20:00 (Europe/Berlin) that the CRM had requested was ignored: the run was" in text
    )
    assert shown == (ignored is not None)
    assert ("was ignored" in text) == shown


def test_an_incomplete_count_is_never_shown_as_a_fact() -> None:
    timeouts = ErrorGroup(outcome="unknown", reason="timeout", http_status=None, detail="", count=7)
    counted = factory.aggregate(factory.LAST, "ledger", {"delivered": 493, "unknown": 7}, posts=510, errors=[timeouts])
    plan = factory.aggregate(factory.LAST, "plan", {"unchanged": 12})
    killed = factory.artifacts(delivery=factory.MISSING, aggregates={factory.LAST: [plan, counted]})
    page = Page(report.render(build(killed)))
    text = squeeze(page.text)
    for shown in (
        "At least 493 of 1,000 scores for 2026-11-23 were delivered; at most 495 users were not reached.",
        "at most 495 not reached: timeout (7), no outcome was recorded (at most 488)",
        "Delivered 49.3 % at least 493 of 1,000",
        "Not reached 495 at most 49.5 %, limit 1 %; 488 unaccounted",
        "Requests 510 at least 510, including 0 retries",
        "delivered The CRM has the score. at least 493 49.3 %",
        "unchanged Not sent: the CRM has the same score already. 12 1.2 %",
        "unaccounted No outcome was recorded. The next attempt sends these users. at most 488 48.8 %",
        "For at most 488 of them no outcome was recorded",
        "largest group first. Each number is a lower limit.",
        "Attempt 1 jr_last · at least 510 requests",
        "1 aggregates · 500 ledger lines",
    ):
        assert shown in text, text
    (chart,) = [a["aria-label"] for _, a in page.tags if (a.get("aria-label") or "").startswith("Outcomes: ")]
    assert chart is not None
    assert "delivered: at least 493 " in chart
    assert "unaccounted: at most 488 " in chart


def test_repeated_advice_is_shown_once() -> None:
    finding = Finding(code="c", task="push_scores", detail="d", advice="Clear push_scores.")
    page = report.render(build(factory.artifacts(), status="failed", findings=[finding, finding]))
    assert page.count("Clear push_scores.") == 1


def test_scores_are_shown_with_those_of_recent_dates() -> None:
    recent = {"2026-11-22": [100] + [0] * 19, "2026-11-21": [0, 100] + [0] * 18}
    page = Page(report.render(build(factory.artifacts(recent_histograms=recent))))
    text = squeeze(page.text)
    assert (
        "To match the mean of 2 recent dates, 90.0 % of the users would need a score in another five-point bin." in text
    )
    assert "this date mean of recent dates, scaled to this number of users" in text
    assert "Score This date Recent dates 0 to 5 points 50 500 5 to 10 points 50 500 10 to 15 points 50 0" in text
    lines = [attributes for tag, attributes in page.tags if tag == "rect" and attributes["class"] == "baseline"]
    assert len(lines) == 20
    assert "Users by score, on this date and on recent dates" in [a.get("aria-label") for _, a in page.tags]


@pytest.mark.parametrize("scores", ["none", "of an older summary"])
def test_without_recent_dates_there_is_no_comparison(scores: str) -> None:
    summary = build(factory.artifacts()).model_dump(mode="json")
    if scores == "of an older summary":
        del summary["scores"]["recent"]
    text = squeeze(Page(report.render(factory.of_json(Summary, summary))).text)
    assert "There are no earlier dates to compare with." in text
    assert "Recent dates" not in text


def test_a_dry_run_says_that_nothing_was_sent_and_why() -> None:
    summary = build(factory.artifacts(), mode="dry_run", mode_reason="its date was 9 days old")
    text = squeeze(Page(report.render(summary)).text)
    assert "◌ Dry run" in text
    assert "This attempt sent nothing: its date was 9 days old." in text


def test_every_chart_has_a_text_alternative_and_a_table() -> None:
    page = Page(report.render(build(factory.artifacts())))
    charts = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert len(charts) == 4
    assert all(a["aria-label"] for a in charts)
    assert page.text.count("Show as table") == 3
    hidden = [a for tag, a in page.tags if tag == "svg" and a.get("aria-hidden") == "true"]
    assert len(hidden) + len(charts) == sum(tag == "svg" for tag, _ in page.tags)
