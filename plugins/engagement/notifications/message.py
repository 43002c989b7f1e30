"""The SNS message about the end of a run: subject, body, and attributes for filter policies.

It has no user ids: of the error groups it shows codes only, never text of the CRM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engagement.contract.outcomes import bound
from engagement.contract.summary import Finding, Summary

MAX_SUBJECT_LENGTH = 99  # SNS accepts fewer than 100 characters of printable ASCII
MAX_BODY_LENGTH = 8_000  # characters; far below the 256 KiB of SNS in every encoding
MAX_FINDINGS = 5
MAX_TEXT_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Notification:
    """One SNS message.

    :param subject: at most `MAX_SUBJECT_LENGTH` characters of printable ASCII
    :param body: plain text, at most `MAX_BODY_LENGTH` characters
    :param attributes: `status` (success or failed), `score_date`, `dag_id`, `run_type`; unknown ones are left out
    """

    subject: str
    body: str
    attributes: Mapping[str, str]


def from_summary(summary: Summary, *, run_type: str) -> Notification:
    """Return the message about a run that has a summary.

    :param summary: the full one, not the compact one from XCom
    """
    attributes = {
        "status": summary.status,
        "score_date": summary.score_date,
        "dag_id": summary.dag_id,
        "run_type": run_type,
    }
    return _notification(_subject(summary), "\n".join(_body(summary, run_type)), attributes)


def without_result(
    *, task_id: str, problem: str, dag_id: str, run_id: str, run_type: str, score_date: str
) -> Notification:
    """Return the message about a run whose last task failed before it had a result.

    :param problem: why the task failed, as far as known
    :param score_date: empty when it is unknown
    """
    subject = f"FAILED engagement scores {score_date or run_id}: no result, see {task_id}"
    body = (
        f"{task_id} failed without a result: {_cut(problem)}\n\n"
        "It is unknown what was sent to the CRM.\n"
        f"Next: Read the log of {task_id}, fix the cause, then clear the task. Clearing it sends nothing.\n\n"
        f"DAG: {dag_id}\nRun: {run_id} ({run_type})"
    )
    attributes = {"status": "failed", "score_date": score_date, "dag_id": dag_id, "run_type": run_type}
    return _notification(subject, body, attributes)


def _notification(subject: str, body: str, attributes: Mapping[str, str]) -> Notification:
    plain = "".join(character if " " <= character <= "~" else "?" for character in subject)
    if len(plain) > MAX_SUBJECT_LENGTH:
        plain = f"{plain[: MAX_SUBJECT_LENGTH - 3]}..."
    known = {name: value for name, value in attributes.items() if value}  # SNS refuses empty attributes
    return Notification(subject=plain, body=_cut(body, MAX_BODY_LENGTH), attributes=known)


def _subject(summary: Summary) -> str:
    about, rows = f"engagement scores {summary.score_date}", summary.rows
    if summary.status == "failed":
        return f"FAILED {about}: {_failure(summary)}"
    if summary.mode == "dry_run":
        parts = [f"{summary.outcomes.planned:,} of {rows:,} would be sent"]
    else:
        parts = [f"{summary.outcomes.delivered:,} of {rows:,} delivered"]
    if summary.not_reached and summary.mode != "dry_run":
        parts.append(f"{summary.not_reached:,} not reached")
    if warnings := len(summary.warnings):
        parts.append("1 warning" if warnings == 1 else f"{warnings} warnings")
    return f"{'DRY RUN' if summary.mode == 'dry_run' else 'OK'} {about}: {', '.join(parts)}"


def _failure(summary: Summary) -> str:
    first = summary.findings[0]
    cause = f"{first.task} failed" if first.code == "task_failed" else f"{first.task}: {first.code.replace('_', ' ')}"
    if not summary.counts_complete:
        if not summary.generated_from.aggregates:
            return cause
        return f"{cause}, at least {_count_of(summary.outcomes.delivered, summary.rows)} delivered"
    if summary.not_reached:
        return f"{_count_of(summary.not_reached, summary.rows)} users not reached"
    return cause


def _body(summary: Summary, run_type: str) -> Iterator[str]:
    yield _cut(summary.headline)
    not_reached, rows = summary.not_reached, summary.rows
    if not_reached:
        limit = f"{summary.max_failed_fraction * 100:.6g}%"
        share = f" ({not_reached / rows:.2%}, limit {limit})" if rows else ""
        yield f"\nNot reached: {summary.not_reached_bound}{_count_of(not_reached, rows)} users{share}"
        yield f"Reasons: {summary.main_reasons}"
    if summary.mode_reason:
        yield f"\nMode {summary.mode}: {_cut(summary.mode_reason)}"
    if summary.retry_after_ignored:
        until = summary.retry_after_ignored
        yield f"\nA pause until {until} that the CRM had requested was ignored by ignore_retry_after"
    yield from _findings(summary.findings)
    yield from (f"\nWarning: {_cut(warning)}" for warning in summary.warnings)
    counts = {**summary.outcomes.by_name(), "unaccounted": summary.unaccounted}
    yield f"\nOutcomes of {rows:,} scores"
    exact = summary.counts_complete
    yield from [f"- {name}: {bound(name, complete=exact)}{n:,}" for name, n in counts.items() if n] or ["- none"]
    yield f"\nReport: {summary.report_url}"
    yield f"Run: {summary.run_id} ({run_type}, mode {summary.mode})"
    cost, runs = summary.cost_usd, len(summary.glue_runs)
    yield f"Cost: {'unknown' if cost is None else f'${cost:,.2f}'} for {runs} Glue run{'' if runs == 1 else 's'}"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield "\nFindings, the earliest cause first"
    advice = ""
    for number, finding in enumerate(findings[:MAX_FINDINGS], 1):
        yield f"{number}. {_cut(finding.detail)}"
        if finding.advice != advice:
            advice = finding.advice
            yield f"   Next: {_cut(advice)}"
    if len(findings) > MAX_FINDINGS:
        yield f"{len(findings) - MAX_FINDINGS} more in the report."


def _count_of(part: int, total: int) -> str:
    # A push job that was killed may leave counts but no manifest with the total.
    return f"{part:,} of {total:,}" if total else f"{part:,}"


def _cut(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}\N{HORIZONTAL ELLIPSIS}"
