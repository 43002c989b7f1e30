"""The runbook explains every message that ends a run and every alarm, and none that no longer exists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from engagement.notifications import message as notification
from infra.intrinsics import parse
from tests.unit.docs import messages
from tests.unit.docs.messages import PLACEHOLDER, ROOT, Message

RUNBOOK = (ROOT / "docs" / "guides" / "runbook.md").read_text(encoding="utf-8")
HEADER = "| message | what it means | what to do |"
MAX_MESSAGES = 4  # a pattern that matches more messages would also match new ones

JOBS = "glue_jobs/engagement_jobs/"
NOT_SHOWN = {
    (JOBS + "crm_client/authentication/secret_parser.py", "SecretError"): "reported as secret_unreadable",
    (JOBS + "crm_client/authentication/secret_parser.py", "faults"): "reported as secret_unreadable",
    (JOBS + "crm_client/authentication/pem.py", "ValueError"): "reported as secret_unreadable",
    (JOBS + "crm_client/authentication/secret_values.py", "ValueError"): "reported as secret_unreadable",
    (JOBS + "crm_client/authentication/client_certificate.py", "SecretError"): "reported as secret_unreadable",
    (JOBS + "crm_client/authentication/token_endpoint.py", "TokenError"): "reported as token_endpoint_refused",
    (JOBS + "crm_client/authentication/token_endpoint.py", "TokenUnavailableError"): "as token_endpoint_unavailable",
}
"""Carriers or texts that no run shows, and why."""


@dataclass(frozen=True)
class Row:
    """A row of the runbook.

    :param patterns: quoted fixed words of messages
    :param codes: quoted codes
    """

    line: str
    patterns: tuple[str, ...]
    codes: tuple[str, ...]


def read_rows(text: str) -> list[Row]:
    """Return the rows of all tables of messages."""
    rows: list[Row] = []
    in_table = False
    for line in text.splitlines():
        in_table = line == HEADER or (in_table and line.startswith("|"))
        if in_table and line != HEADER and not line.startswith("|---"):
            quoted = re.findall(r"`([^`]+)`", line.split("|")[1])
            codes = tuple(each for each in quoted if re.fullmatch("[a-z_]+", each))
            rows.append(Row(line, tuple(each for each in quoted if each not in codes), codes))
    return rows


def fits(pattern: str, text: str) -> bool:
    """Return whether a text contains the pattern's fixed words in this order."""
    return re.search(".*".join(map(re.escape, pattern.split(PLACEHOLDER))), text) is not None


def is_shown(message: Message) -> bool:
    return not {(message.path, message.carrier), (message.path, message.text)} & NOT_SHOWN.keys()


ALL_MESSAGES = messages.of_repository()
SHOWN = [message for message in ALL_MESSAGES if is_shown(message)]
SENTENCES = [message for message in SHOWN if message.is_searchable]
MANIFESTS = ("scores", "delivery")
ROWS = read_rows(RUNBOOK)
PATTERNS = sorted({pattern for row in ROWS for pattern in row.patterns})


def unexplained(sentences: list[Message]) -> list[str]:
    """Return the messages without a row, each with its location."""
    return [
        f"{message.path}:{message.line}: {message.text}"
        for message in sentences
        if not any(fits(pattern, message.text) for pattern in PATTERNS)
    ]


def test_every_message_has_a_row() -> None:
    assert len({message.text for message in SENTENCES}) > 100
    assert unexplained(SENTENCES) == []


def test_every_code_has_a_row() -> None:
    expected: set[str] = set()
    for message in SHOWN:
        if message.is_code and (message.carrier == "LoadedManifest" or PLACEHOLDER in message.text):
            # The name of the manifest precedes the code of a manifest.
            expected |= {f"{name}_{message.text.removeprefix(f'{PLACEHOLDER}_')}" for name in MANIFESTS}
        elif message.is_code:
            expected.add(message.text)
    assert len(expected) > 20
    assert {code for row in ROWS for code in row.codes} == expected


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_matches_a_few_existing_messages(pattern: str) -> None:
    matching = {message.text for message in SENTENCES if fits(pattern, message.text)}
    assert 1 <= len(matching) <= MAX_MESSAGES, matching
    assert len(re.findall(r"[A-Za-z_]{2,}", pattern)) > 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line[2:40])
def test_every_row_says_what_it_means_and_what_to_do(row: Row) -> None:
    _, message, meaning, action, end = row.line.split("|")
    assert end == ""
    assert row.patterns
    assert all(len(cell.strip()) > 5 for cell in (message, meaning, action))


def test_messages_that_are_not_shown_still_exist() -> None:
    existing = {
        key for message in ALL_MESSAGES for key in ((message.path, message.carrier), (message.path, message.text))
    }
    assert NOT_SHOWN.keys() <= existing


NEW_MESSAGES = [
    'def f(): raise NewError(f"a message {x} that is new")',
    'def f():\n    why = "a message" if x else f"a message {x} that is new"\n    fail(context, NewError(why))',
    'def f(): yield Finding("task_failed", task, f"a message {x} that is new", advice)',
    'def f(): return StopReason("deadline", f"a message {x} that is new")',
    'def f():\n    wrong.append(f"a message {x} that is new")\n    raise NewError("; ".join(wrong))',
    'def f(): raise NewError(f"{x}: {_why()}")\ndef _why(): return f"a message {x} that is new"',
    'def f(self): raise self._no(f"a message {x} that is new")\ndef _no(what): return NewError(what)',
    'def f(self): self.failed = f"a message {x} that is new"',
    'async def f(): raise NewError(NEW.format(x))\nNEW = f"a message {x} that is new"',
]


@pytest.mark.parametrize("source", NEW_MESSAGES)
def test_a_new_message_without_a_row_is_reported(source: str) -> None:
    sentences = [message for message in messages.of_source("new.py", source) if message.is_searchable]
    assert any(line.endswith(f": a message {PLACEHOLDER} that is new") for line in unexplained(sentences))


def test_no_message_puts_a_full_stop_after_one() -> None:
    # The text of an error may end with a full stop of its own, so a message that goes on after it removes that one.
    for message in SHOWN:
        assert ".." not in message.text.replace("...", PLACEHOLDER), message
    for path, source in messages.sources().items():
        for name, line in messages.errors_before_a_full_stop(source):
            pytest.fail(f"{path}:{line}: write {{str({name}).rstrip('.')}} before the full stop")


@pytest.mark.parametrize("text", ["{error}. Next", "{a}: {loaded.detail}.", "{run.error}."])
def test_a_full_stop_after_an_error_is_found(text: str) -> None:
    assert len(list(messages.errors_before_a_full_stop(f'def f(): raise NewError(f"{text}")'))) == 1


def test_a_new_code_is_found() -> None:
    calls = 'StopReason(NEW, ""), LoadedManifest(key, code="gone"), Finding("odd", "", "", "")'
    source = f'NEW = "new_cause"\ndef f(): return [{calls}]'
    codes = {message.text for message in messages.of_source("new.py", source) if message.is_code}
    assert codes == {"new_cause", "gone", "odd"}


RULES = (ROOT / JOBS / "crm_client" / "response_rules.py").read_text(encoding="utf-8")
REASON_TABLE = RUNBOOK.partition("| reason | meaning | what to do |")[2].partition("\n\n")[0]
REASONS = [*re.findall(r'"http_{status}(_[a-z_]+)"', RULES), *re.findall(r'FailureRule\("([a-z_]+)"', RULES)]


@pytest.mark.parametrize("reason", sorted({*REASONS, "_shared"}))
def test_every_reason_has_a_row(reason: str) -> None:
    assert len(set(REASONS)) > 15
    named = {re.sub("^http_[^_]+_", "_", text) for text in re.findall("`([a-z0-9_…]+)`", REASON_TABLE)}
    assert reason in named


def alarms() -> list[Any]:
    """Return the template and the name, without the stack's prefix, of every alarm and rule."""
    parameters = []
    for path in sorted((ROOT / "infra").glob("*.yaml")):
        for resource in parse(path.read_text(encoding="utf-8"))["Resources"].values():
            name_property = {"AWS::CloudWatch::Alarm": "AlarmName", "AWS::Events::Rule": "Name"}.get(resource["Type"])
            if name_property:
                parameters.append(pytest.param(path.name, resource["Properties"][name_property], id=path.name))
    return parameters


@pytest.mark.parametrize(("template", "name"), alarms())
def test_every_alarm_has_a_row(template: str, name: Any) -> None:
    assert set(name) == {"Fn::Sub"}, template
    assert f"`{name['Fn::Sub'].replace('${NamePrefix}', 'engagement')}`" in RUNBOOK


def test_the_templates_have_alarms() -> None:
    assert len(alarms()) >= 3


def test_the_message_without_a_result_has_a_row() -> None:
    sent = notification.without_result(
        task_id="summarize_responses", problem="", dag_id="d", run_id="r", run_type="scheduled", score_date="2026-11-23"
    )
    subject = f"FAILED engagement scores {PLACEHOLDER}: no result, see summarize_responses"
    body = "failed without a result"
    assert fits(subject, sent.subject)
    assert body in sent.body
    assert f"`{subject}`" in RUNBOOK
    assert f"`{body}`" in RUNBOOK


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("infra/workflow.yaml", "FAILED: the Glue job "),
        ("plugins/engagement/notifications/callbacks.py", "Could not publish the run notification "),
        ("plugins/engagement/notifications/metrics.py", "Could not publish the run metrics "),
    ],
)
def test_other_messages_have_a_row(path: str, words: str) -> None:
    assert words in (ROOT / path).read_text(encoding="utf-8")
    assert f"`{words}{PLACEHOLDER}" in RUNBOOK
