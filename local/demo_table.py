"""The table at the end of the demo, from the summary of the run."""

from collections.abc import Mapping
from typing import Any

_BARS = " ▁▂▃▄▅▆▇█"


def format_table(summary: Mapping[str, Any]) -> str:
    """Format rows, outcomes, requests, scores and cost of a run as lines of text.

    :param summary: the document `summary.json`
    """
    lines = [
        ("Date", f"{summary['score_date']} ({summary['mode']}), {summary['status']}"),
        ("Input", _input(summary["input"])),
        ("Outcomes", _counts(summary["outcomes"])),
        ("Requests", f"{summary['posts']:,} sent, including {summary['retries']:,} retries; {_throughput(summary)}"),
        ("Latency", _latency(summary["latency_ms"])),
        ("Scores", _histogram(summary["scores"])),
        *((f"Glue {run['job']}", _glue(run)) for run in summary["glue_runs"]),
        ("Glue total", _usd(summary["cost_usd"])),
        *(("Finding", finding["detail"]) for finding in summary["findings"]),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "none"


def _input(rows: Mapping[str, Any] | None) -> str:
    if rows is None:
        return "unknown, because no scores were written"
    return format_rows(rows)


def format_rows(rows: Mapping[str, int]) -> str:
    """Format the numbers of rows of a scores manifest."""
    scored, invalid, deduplicated = rows["scored"], rows["invalid"], rows["deduplicated"]
    return f"{rows['input']:,} rows: {scored:,} scored, {invalid:,} invalid, {deduplicated:,} deduplicated"


def _throughput(summary: Mapping[str, Any]) -> str:
    peak = summary["throughput"]["peak_per_second"]
    return f"peak {peak or 0:,} per second"


def _latency(latency: Mapping[str, Any]) -> str:
    if not latency["answered"]:
        return "no responses"
    return " · ".join(f"{name} {latency[name]:,.0f} ms" for name in ("p50", "p95", "p99", "max"))


def _histogram(scores: Mapping[str, Any] | None) -> str:
    if scores is None:
        return "none"
    tallest = max(scores["histogram"]) or 1
    bars = "".join(_BARS[-(-count * (len(_BARS) - 1) // tallest)] for count in scores["histogram"])
    return f"0 {bars} 100, weights {scores['weights']['version']}"


def _glue(run: Mapping[str, Any]) -> str:
    return f"{run['state']} in {run['seconds'] or 0:,.0f} s, {_usd(run['cost_usd'])}"


def _usd(amount: float | None) -> str:
    return "cost unknown" if amount is None else f"about ${amount:.4f} on AWS"
