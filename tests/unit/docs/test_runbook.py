"""The runbook has a line for every message that ends a run and for every alarm, and none for what is gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from engagement.notifications import message as notification
from infra.intrinsics import parse
from tests.unit.docs import messages
from tests.unit.docs.messages import HOLE, ROOT, Message

RUNBOOK = (ROOT / "docs" / "guides" / "runbook.md").read_text(encoding="utf-8")
HEADER = "| message | what it means | what to do |"
MOST = 4  # messages that one pattern may stand for, or it would swallow new ones

JOBS = "glue_jobs/engagement_jobs/"
TOLD_OTHERWISE = {
    (JOBS + "contract/arguments.py", "ValueError"): "told as what the argument is wanted to be",
    (JOBS + "crm_client/http_client.py", "SecretError"): "told as secret_unreadable; its text may come near the secret",
    (JOBS + "scoring/extract_reader.py", "Caused by:"): "is taken off what Spark says",
}
"""Carriers, or texts, that nobody is shown; and why."""


@dataclass(frozen=True)
class Row:
    """A line of the runbook: quoted fixed words, and machine words."""

    line: str
    patterns: tuple[str, ...]
    words: tuple[str, ...]


def rows(text: str) -> list[Row]:
    """The rows of all tables of messages."""
    found: list[Row] = []
    inside = False
    for line in text.splitlines():
        inside = line == HEADER or (inside and line.startswith("|"))
        if inside and line != HEADER and not line.startswith("|---"):
            quoted = re.findall(r"`([^`]+)`", line.split("|")[1])
            words = tuple(one for one in quoted if re.fullmatch("[a-z_]+", one))
            found.append(Row(line, tuple(one for one in quoted if one not in words), words))
    return found


def fits(pattern: str, text: str) -> bool:
    """Whether a text has the pattern's fixed words in this order."""
    return re.search(".*".join(map(re.escape, pattern.split(HOLE))), text) is not None


def is_told(message: Message) -> bool:
    return not {(message.path, message.carrier), (message.path, message.text)} & TOLD_OTHERWISE.keys()


EVERY = messages.of_repository()
TOLD = [message for message in EVERY if is_told(message)]
SENTENCES = [message for message in TOLD if message.is_searchable]
MANIFESTS = ("scores", "delivery")
ROWS = rows(RUNBOOK)
PATTERNS = sorted({pattern for row in ROWS for pattern in row.patterns})


def unexplained(found: list[Message]) -> list[str]:
    """Messages without a row, each with its place."""
    return [
        f"{message.path}:{message.line}: {message.text}"
        for message in found
        if not any(fits(pattern, message.text) for pattern in PATTERNS)
    ]


def test_every_message_has_a_row() -> None:
    assert len({message.text for message in SENTENCES}) > 100
    assert unexplained(SENTENCES) == []


def test_every_machine_word_has_a_row() -> None:
    wanted: set[str] = set()
    for message in TOLD:
        if message.is_word and (message.carrier == "LoadedManifest" or HOLE in message.text):
            # A code of a manifest follows the manifest's name.
            wanted |= {f"{name}_{message.text.removeprefix(f'{HOLE}_')}" for name in MANIFESTS}
        elif message.is_word:
            wanted.add(message.text)
    assert len(wanted) > 20
    assert {word for row in ROWS for word in row.words} == wanted


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_row_is_about_a_message_that_is_gone_or_about_all_messages(pattern: str) -> None:
    found = {message.text for message in SENTENCES if fits(pattern, message.text)}
    assert 1 <= len(found) <= MOST, found
    assert len(re.findall(r"[A-Za-z_]{2,}", pattern)) > 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line[2:40])
def test_every_row_tells_what_it_means_and_what_to_do(row: Row) -> None:
    _, message, meaning, todo, end = row.line.split("|")
    assert end == ""
    assert row.patterns
    assert all(len(cell.strip()) > 5 for cell in (message, meaning, todo))


def test_what_is_told_otherwise_is_still_there() -> None:
    there = {place for message in EVERY for place in ((message.path, message.carrier), (message.path, message.text))}
    assert TOLD_OTHERWISE.keys() <= there


NEW = [
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


@pytest.mark.parametrize("source", NEW)
def test_a_new_message_is_missed(source: str) -> None:
    found = [message for message in messages.of_source("new.py", source) if message.is_searchable]
    assert any(line.endswith(f": a message {HOLE} that is new") for line in unexplained(found))


def test_a_new_machine_word_is_seen() -> None:
    calls = 'StopReason(NEW, ""), LoadedManifest(key, code="gone"), Finding("odd", "", "", "")'
    source = f'NEW = "new_cause"\ndef f(): return [{calls}]'
    found = [message for message in messages.of_source("new.py", source) if message.is_word]
    assert {message.text for message in found} == {"new_cause", "gone", "odd"}


def alarms() -> list[Any]:
    """Names of what may go off, without the stack's prefix, from every template."""
    found = []
    for path in sorted((ROOT / "infra").glob("*.yaml")):
        for resource in parse(path.read_text(encoding="utf-8"))["Resources"].values():
            property_ = {"AWS::CloudWatch::Alarm": "AlarmName", "AWS::Events::Rule": "Name"}.get(resource["Type"])
            if property_:
                found.append(pytest.param(path.name, resource["Properties"][property_], id=path.name))
    return found


@pytest.mark.parametrize(("template", "name"), alarms())
def test_every_alarm_is_named(template: str, name: Any) -> None:
    assert set(name) == {"Fn::Sub"}, template
    assert f"`{name['Fn::Sub'].replace('${NamePrefix}', 'engagement')}`" in RUNBOOK


def test_there_are_alarms() -> None:
    assert len(alarms()) >= 3


def test_what_a_phone_shows_without_a_verdict_is_there() -> None:
    told = notification.without_summary(
        task_id="summarize_responses", problem="", dag_id="d", run_id="r", run_type="scheduled", score_date="2026-11-23"
    )
    subject = f"FAILED engagement scores {HOLE}: no verdict, see summarize_responses"
    body = "failed before it came to a verdict"
    assert fits(subject, told.subject)
    assert body in told.body
    assert f"`{subject}`" in RUNBOOK
    assert f"`{body}`" in RUNBOOK


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("infra/workflow.yaml", "FAILED: the Glue job "),
        ("plugins/engagement/notifications/callbacks.py", "Nobody was told that the run ended as "),
        ("plugins/engagement/notifications/metrics.py", "No metric tells that the run ended as "),
    ],
)
def test_what_else_is_told_is_there(path: str, words: str) -> None:
    assert words in (ROOT / path).read_text(encoding="utf-8")
    assert f"`{words}{HOLE}" in RUNBOOK
