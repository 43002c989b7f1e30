"""What a person is told on the phone when a run has ended: subject, text and attributes to filter by.

Pure. Never a user id: of the error groups only the machine words are told, not what the CRM wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engagement.contract.outcomes import main_reasons
from engagement.contract.summary import Finding, Summary

MAX_SUBJECT_LENGTH = 99  # characters: SNS wants fewer than 100, and nothing but printable ASCII
MAX_BODY_LENGTH = 8_000  # characters; SNS takes 256 KiB, which these are not in any encoding
MAX_FINDINGS = 5
MAX_TEXT_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification.

    :param subject: at most 99 printable ASCII characters
    :param body: plain text, at most `MAX_BODY_LENGTH` characters
    :param attributes: `status` (success or failed), `score_date`, `dag_id`, `run_type`, those that are known
    """

    subject: str
    body: str
    attributes: Mapping[str, str]


def from_summary(summary: Summary, *, run_type: str) -> Notification:
    """The notice of a run whose summary is written (the whole one, not what XCom carries)."""
    about = {"status": summary.status, "score_date": summary.score_date, "dag_id": summary.dag_id, "run_type": run_type}
    return _notice(_subject(summary), "\n".join(_body(summary, run_type)), about)


def without_summary(
    *, task_id: str, problem: str, dag_id: str, run_id: str, run_type: str, score_date: str
) -> Notification:
    """The notice of a run whose last task failed before it could tell what became of the customers.

    :param problem: what the task died of, as far as is known
    :param score_date: empty when even that is not known
    """
    body = (
        f"{task_id} failed before it came to a verdict: {_cut(problem)}\n\n"
        "What was sent to the CRM is not known here.\n"
        f"Next: read the log of {task_id}, mend what it names, then clear the task. Clearing it sends nothing.\n\n"
        f"DAG: {dag_id}\nRun: {run_id} ({run_type})"
    )
    about = {"status": "failed", "score_date": score_date, "dag_id": dag_id, "run_type": run_type}
    return _notice(f"FAILED engagement scores {score_date or run_id}: no verdict, see {task_id}", body, about)


def _notice(subject: str, body: str, attributes: Mapping[str, str]) -> Notification:
    plain = "".join(character if " " <= character <= "~" else "?" for character in subject)
    return Notification(
        subject=plain if len(plain) <= MAX_SUBJECT_LENGTH else f"{plain[: MAX_SUBJECT_LENGTH - 3]}...",
        body=_cut(body, MAX_BODY_LENGTH),
        attributes={name: value for name, value in attributes.items() if value},  # SNS refuses empty ones
    )


def _subject(summary: Summary) -> str:
    about, rows, lost = f"engagement scores {summary.score_date}", summary.rows, summary.not_reached
    if summary.status == "failed":
        first = summary.findings[0]
        what = "failed" if first.code == "task_failed" else first.code.replace("_", " ")
        told = f"{_of(lost, rows)} customers not reached" if lost else f"{first.task} {what}"
        return f"FAILED {about}: {told}"
    if summary.mode == "dry_run":
        return f"DRY RUN {about}: {summary.outcomes.planned:,} of {rows:,} would be sent"
    warnings = len(_warnings(summary))
    return (
        f"OK {about}: {summary.outcomes.delivered:,} of {rows:,} delivered"
        + (f", {lost:,} not reached" if lost else "")
        + (f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else "")
    )


def _body(summary: Summary, run_type: str) -> Iterator[str]:
    yield _cut(summary.headline)
    lost, rows = summary.not_reached, summary.rows
    if lost:
        allowed = f"{summary.max_failed_fraction * 100:.6g}%"
        share = f" ({lost / rows:.2%}, allowed {allowed})" if rows else ""
        yield f"\nNot reached: {_of(lost, rows)} customers{share}"
        yield f"Why: {main_reasons(summary.errors)}"
    if summary.mode_reason:
        yield f"\nMode {summary.mode}: {_cut(summary.mode_reason)}"
    yield from _findings(summary.findings)
    yield from (f"\nWarning: {_cut(warning)}" for warning in _warnings(summary))
    counts = {**summary.outcomes.by_name(), "unaccounted": summary.unaccounted}
    yield f"\nOutcomes of {rows:,} scores"
    yield from [f"- {name}: {n:,}" for name, n in counts.items() if n] or ["- none is known"]
    yield f"\nReport: {summary.report_url}"
    yield f"Run: {summary.run_id} ({run_type}, mode {summary.mode})"
    cost, runs = summary.cost_usd, len(summary.glue_runs)
    yield f"Cost: {'not known' if cost is None else f'${cost:,.2f}'} for {runs} Glue run{'' if runs == 1 else 's'}"


def _warnings(summary: Summary) -> Sequence[str]:
    return summary.checks.warnings if summary.checks else ()


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield "\nWhat is wrong, the earliest cause first"
    advice = ""
    for place, finding in enumerate(findings[:MAX_FINDINGS], 1):
        yield f"{place}. {_cut(finding.detail)}"
        if finding.advice != advice:
            advice = finding.advice
            yield f"   Next: {_cut(advice)}"
    if len(findings) > MAX_FINDINGS:
        yield f"{len(findings) - MAX_FINDINGS} more in the report."


def _of(part: int, whole: int) -> str:
    # A push that was killed may leave counts, and no manifest that tells how many there were in all.
    return f"{part:,} of {whole:,}" if whole else f"{part:,}"


def _cut(text: str, most: int = MAX_TEXT_LENGTH) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
