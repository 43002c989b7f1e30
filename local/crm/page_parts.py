"""What the page is made of, as HTML. Every text that a client sent passes `_cell`, which shortens and escapes it."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from typing import Any

from local.crm import checks
from local.crm.answers import Answer
from local.crm.faults import NO_FAULT, Fault
from local.crm.profiles import PROFILES
from local.crm.service import Crm

NEWEST = 20
CHART_SECONDS = 60
_TOP = 100.0  # height of the chart in its own units; a column is 10 wide
_HEAD = "<th>Time (UTC)</th><th>User</th><th class='n'>Score</th><th>Status</th><th>Key</th><th>Answer</th>"


def figures(crm: Crm) -> str:
    """Counts since the start, or the last reset."""
    traffic, keys = crm.traffic, crm.keys
    statuses = {f"Answered {status}": count for status, count in sorted(traffic.statuses.items())}
    counts = {
        "Users with a score": crm.book.users,
        "Requests": traffic.requests,
        "Under way": traffic.in_flight,
        **statuses,
        "No answer": traffic.dropped,
        "Replayed": traffic.replayed,
        "Repeated keys": keys.requests_beyond_first,
        "Keys applied twice": keys.applied_twice,
    }
    return "".join(f"<div><dt>{name}</dt><dd>{count:,}</dd></div>" for name, count in counts.items())


def fault(crm: Crm) -> str:
    """What goes wrong at present; empty when nothing does."""
    told = crm.faults.as_json()
    lines = []
    if told["faults"] is not None:
        met = f"{told['hit']:,} of {told['matched']:,} requests met it"
        name = escape(_name_of(Fault(**told["faults"])))
        lines.append(f'<h2>Fault: {name}</h2><p class="soft">{met}</p>')
    if crm.token != crm.options.token:
        lines.append("<p>The update endpoint takes another token than at the start.</p>")
    return f'<section class="card fault">{"".join(lines)}</section>' if lines else ""


def _name_of(fault: Fault) -> str:
    for name, profile in PROFILES.items():
        if profile.fault == fault:
            return f"{name}, {profile.what}"
    usual = asdict(NO_FAULT)
    return _short(json.dumps({name: value for name, value in asdict(fault).items() if value != usual[name]}), 300)


def chart(crm: Crm) -> str:
    """Requests in each second of the last minute, or of the minute that ended with the last request."""
    last = crm.traffic.last
    if not last:
        return '<p class="soft">No request has come yet.</p>'
    now = time.time()
    end = int(now if now - last < CHART_SECONDS else last)
    counts = [crm.traffic.seconds[second] for second in range(end - CHART_SECONDS + 1, end + 1)]
    top = max(counts) or 1
    bars = "".join(
        f'<rect x="{place * 10 + 1}" y="{_TOP - (height := count / top * _TOP):.1f}" width="8" height="{height:.1f}">'
        f"<title>{count:,} at {clock(end - CHART_SECONDS + 1 + place)}</title></rect>"
        for place, count in enumerate(counts)
    )
    label = f"Requests in each of {CHART_SECONDS} seconds, at most {top:,}"
    return (
        f'<svg viewBox="0 0 {CHART_SECONDS * 10} {_TOP:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{bars}</svg><div class="axis"><span>{clock(end - CHART_SECONDS + 1)}</span>'
        f"<span>top: {top:,} a second</span><span>{clock(end)}</span></div>"
    )


def newest(crm: Crm) -> str:
    """The last requests, newest first."""
    rows = "".join(_row(one) for one in crm.log.newest(NEWEST))
    return f'<div class="wide"><table><thead><tr>{_HEAD}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(one: dict[str, Any]) -> str:
    status = "no answer" if one["status"] is None else f"{one['status']}{' replayed' if one['replayed'] else ''}"
    tone = "good" if str(one["status"]).startswith("2") else "bad"
    cells: Sequence[tuple[str, str]] = (
        ("", clock(one["at"])),
        ("", f"<bdi>{_cell(one['user_id'], 60)}</bdi>"),
        ("n", _cell(_score(one["body"]), 20)),
        (tone, status),
        ("key", _cell(one["idempotency_key"], 12)),
        ("soft", _cell(one["answer"], 160)),
    )
    return "<tr>" + "".join(f'<td class="{name}">{text}</td>' for name, text in cells) + "</tr>"


def _score(body: str) -> str | None:
    parsed = checks.parse(body.encode(errors="replace"))
    score = None if isinstance(parsed, Answer) else parsed.get("engagement_score")
    return str(score) if isinstance(score, str | int | float) else None


def _cell(text: str | None, most: int) -> str:
    return "-" if text is None else escape(_short(text, most))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"


def clock(moment: float) -> str:
    """Time of day of an epoch second, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S")
