"""Numbers as the report and the dashboard show them."""

from __future__ import annotations

NOTHING = "\N{EN DASH}"


def number(value: float | None) -> str:
    """Format with thousands separators; a dash for None."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.1f}"


def share(value: float, total: float) -> str:
    """Format as percent; a small share is never rounded to 0 %, nor a large one to 100 %."""
    if not total or not value:
        percent = "0"
    elif value == total:
        percent = "100"
    elif value / total < 0.001:
        percent = "< 0.1"
    else:
        percent = f"{min(value / total * 100, 99.9):.1f}"
    return f"{percent}\N{NO-BREAK SPACE}%"


def limit(fraction: float) -> str:
    """Format a setting as percent, without rounding."""
    return f"{fraction * 100:.6g}\N{NO-BREAK SPACE}%"


def milliseconds(value: float | None) -> str:
    """Format a latency; in seconds from 10 s on. Three digits suffice because the buckets are 5 % wide."""
    if value is None:
        return NOTHING
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def duration(seconds: float) -> str:
    """Format as hours, minutes and seconds; only the two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def usd(amount: float | None) -> str:
    """Format US dollars; with three decimals below ten cents."""
    if amount is None:
        return "unknown"
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${amount:,.3f}"
