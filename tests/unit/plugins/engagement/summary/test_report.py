"""The report: one file that loads nothing, says what happened and cannot be written into from outside."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from engagement.aws.glue_runs import GlueRuns
from engagement.contract.summary import Checks, Finding, Summary
from engagement.summary import report
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts
from tests.unit.plugins.engagement import run_factory as factory
from tests.unit.plugins.engagement.dashboard_factory import HOSTILE

build = factory.whole_summary
VOID = {"meta", "rect", "br", "img", "link"}


class Page(HTMLParser):
    """Tags with their attributes, the text, and whether tags are closed in order."""

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


def squeezed(text: str) -> str:
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
        errors=errors,
        status_codes={HOSTILE: 1},
        stopped={"cause": "deadline", "detail": HOSTILE},
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


def test_rejected_rows_and_warnings_are_shown() -> None:
    page = squeezed(report.render(build(factory.artifacts())))
    assert 'negative_login_count<br><code>{"items_viewed": 3, "login_count": -1}</code>' in page
    assert "Unlike earlier dates" in page
    assert "<li>fewer than usual</li>" in page
    usual = factory.artifacts(checks=Checks(warnings=(), passed=("rows add up",)))
    assert "Unlike earlier dates" not in report.render(build(usual))


@pytest.fixture(params=["success", "nothing", "hostile"])
def html(request: pytest.FixtureRequest) -> str:
    made = {"success": factory.artifacts, "nothing": factory.without_extract, "hostile": hostile}
    whole = build(made[request.param](), mode_reason=HOSTILE if request.param == "hostile" else "")
    return report.render(whole, "Europe/Berlin")


def test_nothing_is_loaded_and_nothing_runs(html: str) -> None:
    page = Page(html)
    assert page.open == []
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "use", "image"})
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert names.isdisjoint({"src", "href", "style", "srcset", "xlink:href", "action"})
    assert not re.search(r"url\(|@import", html)


def test_the_policy_allows_this_very_style_sheet_only(html: str) -> None:
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = [a["content"] for tag, a in Page(html).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_hostile_words_are_shown_as_words() -> None:
    page = Page(report.render(build(hostile(), mode_reason=HOSTILE)))
    assert page.text.count(HOSTILE) >= 15
    assert "49" not in squeezed(page.text).split("onerror=alert(1)")[0]


def test_a_success_tells_its_numbers() -> None:
    text = squeezed(Page(report.render(build(factory.artifacts()), "Europe/Berlin")).text)
    for told in (
        "✓ Success",
        "970 of 1,000 scores of 2026-11-23 are delivered; 8 customers were not reached.",
        "0.8 %, limit 1 %",
        "of these 22 retries",
        "delivered The CRM has the score. 970 97.0 %",
        "http_422 about:blank rejected 422 5",
        "worker lost",
        "2026-11-23 04:16:00",  # Glue's 03:16 UTC
        "null_user_id 5",
    ):
        assert told in text
    assert "What is wrong" not in text


def test_a_failure_leads_with_cause_and_advice() -> None:
    text = squeezed(Page(report.render(build(factory.without_extract()))).text)
    cause = text.index("wait_for_activity failed Next: See that the extract of 2026-11-23 is uploaded")
    assert "✕ Failed" in text[:cause]
    assert cause < text.index("Delivered")
    assert "No request is on record." in text


def test_who_was_not_reached_and_why_stands_under_the_headline() -> None:
    page = report.render(build(factory.artifacts()))
    assert '<p class="lead"><b>8 not reached:</b> http_422 (5), http_503 (2), timeout (1)</p>' in page


def test_scores_that_were_never_sent_are_not_called_reached() -> None:
    stopped = {"check_scores": "failed", "push_scores": "upstream_failed"}
    artifacts = factory.artifacts(
        tasks=dict.fromkeys(factory.TASKS, "success") | stopped,
        delivery=factory.MISSING,
        aggregates={},
        latest_glue_runs={},
    )
    text = squeezed(Page(report.render(build(artifacts))).text)
    assert "Nobody was reached: the push did not run" in text
    assert "Not reached 1,000 nothing was sent" in text
    assert "All of them: an earlier task failed" in text


def test_unaccounted_rows_are_shown_with_those_not_reached() -> None:
    killed = factory.artifacts(delivery=factory.MISSING, aggregates={factory.FIRST: factory.first_attempt()})
    assert "Not reached 0 0 %, limit 1 %; 500 unaccounted" in squeezed(Page(report.render(build(killed))).text)


def test_advice_that_repeats_is_given_once() -> None:
    finding = Finding(code="c", task="push_scores", detail="d", advice="Clear push_scores.")
    page = report.render(build(factory.artifacts(), status="failed", findings=[finding, finding]))
    assert page.count("Clear push_scores.") == 1


def test_scores_are_shown_beside_the_recent_days() -> None:
    recent = {"2026-11-22": [100] + [0] * 19, "2026-11-21": [0, 100] + [0] * 18}
    page = Page(report.render(build(factory.artifacts(recent_histograms=recent))))
    text = squeezed(page.text)
    assert "To match the mean of 2 recent days, 90.0 % of the customers would have to be in another step" in text
    assert "this day mean of the recent days, for as many customers" in text
    assert "Score This day Recent days 0 to 5 points 50 500 5 to 10 points 50 500 10 to 15 points 50 0" in text
    lines = [attributes for tag, attributes in page.tags if tag == "rect" and attributes["class"] == "beside"]
    assert len(lines) == 20
    assert "Customers by score, today and on recent days" in [a.get("aria-label") for _, a in page.tags]


@pytest.mark.parametrize("scores", ["none", "of an older summary"])
def test_without_recent_days_the_report_says_so(scores: str) -> None:
    whole = build(factory.artifacts()).model_dump(mode="json")
    if scores == "of an older summary":
        del whole["scores"]["recent"]
    text = squeezed(Page(report.render(factory.of_json(Summary, whole))).text)
    assert "There is no earlier day to compare with." in text
    assert "Recent days" not in text


def test_a_dry_run_says_loudly_that_nothing_is_sent_and_why() -> None:
    whole = build(factory.artifacts(), mode="dry_run", mode_reason="its date was 9 days old")
    text = squeezed(Page(report.render(whole)).text)
    assert "◌ Dry run" in text
    assert "Nothing is sent: its date was 9 days old." in text


def test_every_chart_has_a_text_alternative_and_a_table() -> None:
    page = Page(report.render(build(factory.artifacts())))
    drawn = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert len(drawn) == 4
    assert all(a["aria-label"] for a in drawn)
    assert page.text.count("The same as a table") == 3
    hidden = [a for tag, a in page.tags if tag == "svg" and a.get("aria-hidden") == "true"]
    assert len(hidden) + len(drawn) == sum(tag == "svg" for tag, _ in page.tags)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (report.number(None), "–"),  # noqa: RUF001
        (report.number(1234567), "1,234,567"),
        (report.number(47.63), "47.6"),
        (report.number(1234.56), "1,235"),
        (report.share(0, 5), "0 %"),
        (report.share(5, 0), "0 %"),
        (report.share(1, 10**6), "< 0.1 %"),
        (report.share(999_999, 10**6), "99.9 %"),
        (report.share(7, 7), "100 %"),
        (report.limit(0.01), "1 %"),
        (report.limit(0.0025), "0.25 %"),
        (report.milliseconds(0.42), "0.4 ms"),
        (report.milliseconds(187.4), "187 ms"),
        (report.milliseconds(31_200), "31.2 s"),
        (report.duration(59.6), "1 min 00 s"),
        (report.duration(7), "7 s"),
        (report.duration(3725), "1 h 02 min"),
        (report.usd(0.0293), "$0.029"),
        (report.usd(0), "$0.00"),
        (report.usd(1234.5), "$1,234.50"),
        (report.usd(None), "not known"),
    ],
)
def test_numbers_as_people_read_them(told: str, expected: str) -> None:
    assert squeezed(told) == expected
