"""The page's section on whole days: parts, Airflow's share by task, wishes. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from benchmarks import pages
from benchmarks.end_to_end.measurements import EndToEnd, Phase
from benchmarks.end_to_end.timeline import AIRFLOW, AIRFLOW_STEPS

# What was wanted, in seconds.
MOST_SECONDS = 45.0
MOST_OF_AIRFLOW = 20.0

_TEXT = """\
## End to end

{users:,} users, from the moment their extract is visible in S3 to the moment their summary is. {rate:,} requests/s
are the DAG's setting and the CRM's limit; the CRM takes {latency_ms} ms for each. The stack is up, {earlier_days}
earlier days have run, and the run waits in its sensor. Rounds: {rounds}.

{parts}

The parts of a round add up to it. Airflow's own overhead in seconds, the median of each step:

{overhead}

All other steps:

{work}

Wanted:

{wishes}

- **Airflow** runs as four processes with SQLite and the LocalExecutor, on one machine with everything else. A task
  *is queued* once the one before it has ended, *gets a process* when it is running, *loads the DAG* and renders its
  templates before the operator's `execute`. A deferred task does all this twice.
- **The sensor** looks every {poke} s, the wait for Glue every {poll} s. With the DAG's own defaults, 60 and 30 s,
  half of that is to be added for each wait, in the mean.
- **Glue** is STARTING for 5 s at least and then finds Java running, as Glue keeps machines ready. *Pushing* is from
  the first request to the last that came to the CRM: the canary first, then those of the push tasks.
"""


def section(found: EndToEnd) -> str:
    """The section in Markdown."""
    return _TEXT.format(
        users=found["users"],
        rate=found["requests_per_second"],
        latency_ms=found["latency_ms"],
        earlier_days=found["earlier_days"],
        rounds=len(found["seconds"]),
        parts=parts(found),
        overhead=overhead(found),
        work=work(found),
        wishes="\n".join(wishes(found)),
        poke=found["sensor_poke_seconds"],
        poll=found["glue_poll_seconds"],
    )


def wishes(found: EndToEnd) -> list[str]:
    """What was wanted, and whether it was met."""
    airflow = _added(phase for phase in found["phases"] if phase["kind"] == AIRFLOW)
    return [
        pages.wish("from the extract to the summary", found["seconds"], _seconds, most=MOST_SECONDS),
        pages.wish("of these, Airflow's own overhead", airflow, _seconds, most=MOST_OF_AIRFLOW),
    ]


def parts(found: EndToEnd) -> str:
    """The kinds of time in order of their first appearance, and the share of each in the whole, as a table."""
    lines = []
    for kind in _distinct(found["phases"], lambda phase: phase["kind"]):
        seconds = _added(phase for phase in found["phases"] if phase["kind"] == kind)
        share = statistics.median(part / whole for part, whole in zip(seconds, found["seconds"], strict=True))
        lines.append((kind, pages.median(seconds, _seconds), f"{share:.0%}"))
    return pages.table(("part", "took", "share"), [*lines, ("all", pages.median(found["seconds"], _seconds), "")])


def overhead(found: EndToEnd) -> str:
    """Airflow's share, a line for each step and a column for each task, as a table."""
    mine = [phase for phase in found["phases"] if phase["kind"] == AIRFLOW]
    tasks = _distinct(mine, lambda phase: phase["task"])
    lines = []
    for name in sorted({phase["name"] for phase in mine}, key=AIRFLOW_STEPS.index):
        of_step = [phase for phase in mine if phase["name"] == name]
        by_task = {phase["task"]: f"{statistics.median(phase['seconds']):.1f}" for phase in of_step}
        lines.append((name, *(by_task.get(task, "") for task in tasks), f"{statistics.median(_added(of_step)):.1f}"))
    of_tasks = [_added(phase for phase in mine if phase["task"] == task) for task in tasks]
    totals = [f"{statistics.median(seconds):.1f}" for seconds in (*of_tasks, _added(mine))]
    return pages.table(("step", *tasks, "all"), [*lines, ("all", *totals)])


def work(found: EndToEnd) -> str:
    """What is not Airflow's share, step by step, as a table."""
    others = [phase for phase in found["phases"] if phase["kind"] != AIRFLOW]
    lines = [(each["task"], each["name"], each["kind"], pages.median(each["seconds"], _seconds)) for each in others]
    return pages.table(("task", "step", "part", "took"), lines)


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _added(phases: Iterable[Phase]) -> list[float]:
    """Seconds of these phases together, by round."""
    return [sum(of_round) for of_round in zip(*(phase["seconds"] for phase in phases), strict=True)]


def _distinct(phases: Iterable[Phase], what: Callable[[Phase], str]) -> list[str]:
    return list(dict.fromkeys(map(what, phases)))
