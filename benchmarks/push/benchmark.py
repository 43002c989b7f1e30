"""The delivery next to other clients that send the same scores: rate, CPU and memory."""

from __future__ import annotations

import json
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import page
from benchmarks.page import Target
from benchmarks.processes import BENCH, GLUE, run_module
from benchmarks.push.crm import Crm, serving, wrk_version
from benchmarks.results import Figures, Measurement, Part, ratios, values

TITLE = "Push"
CHART = "Requests per second of each client"

CORE, JOB, AIOHTTP, DLT, DRT, WRK = "delivery core", "push job on Spark", "bare aiohttp", "dlt", "drt", "wrk"
MEMORY, SIZES = "memory of a push task", "push job by size"
_CONCURRENCY = 128
_LATENCIES, _QUICK_LATENCIES = (0, 50, 200), (50, 200)
_ROUNDS, _QUICK_ROUNDS = {0: 5, 50: 3, 200: 3}, 5
_WRK_SECONDS = {0: 5, 50: 20, 200: 16}
_WARM_UP = 2_000
_FEW, _MANY = 10_000, 2_000_000
_HTTP_MANY = 200_000
SIZE_USERS = (10_000, 200_000)


@dataclass(frozen=True)
class Client:
    """A client that runs in its own process.

    :param name: name of the client in its module
    :param scores: number of scores per round by latency in ms, enough for about twenty seconds of a fast client
    :param quick: latencies in ms that are part of a quick measurement
    """

    python: Path
    module: str
    name: str
    scores: dict[int, int]
    quick: tuple[int, ...] = ()


_FAST, _SLOW = {0: 20_000, 50: 50_000, 200: 10_000}, {0: 2_000, 50: 400, 200: 100}
CLIENTS = {
    CORE: Client(GLUE, "push.clients", "core", _FAST, _QUICK_LATENCIES),
    AIOHTTP: Client(GLUE, "push.clients", "aiohttp", _FAST, _QUICK_LATENCIES),
    "requests, a thread each": Client(BENCH, "push.peers", "threads", {0: 5_000, 50: 10_000, 200: 5_000}),
    "requests, one loop": Client(BENCH, "push.peers", "requests", {**_SLOW, 0: 5_000}),
    DLT: Client(BENCH, "push.peers", "dlt", _SLOW, (50,)),
    DRT: Client(BENCH, "push.peers", "drt", _SLOW, (50,)),
}

_TEXT = """\
{concurrency} requests in flight, where the client supports it. Requests/s by latency of the CRM; CPU, memory and the
ratio of the core's rate to the client's rate are at 50 ms.

{table}

- The **delivery core** is what a push task runs, with its ledger (here on disk) and slow start. The **push job** is the
  job script with one task per core: rate from the first request to the last response, CPU and memory of all
  its processes.
- **Bare aiohttp** is one coroutine per request in flight, without hash, ledger or classification. **wrk** (`-t1`),
  written in C, repeats one body. **dlt** (custom destination) and **drt** (`rest_api` destination) are configured as in
  their documentation; both post one row after another.
- Each client runs in its own process and counts only if the fake CRM applied every score. CPU excludes interpreter
  start. The memory of a task is measured with responses from inside the process, some of them 503, and over HTTP."""


def measure(run: Measurement) -> None:
    """Compare all clients at each latency, and the memory of a push task by number of users."""
    run.versions |= _versions()
    for latency in _QUICK_LATENCIES if run.quick else _LATENCIES:
        with serving(run.folder, latency) as crm:
            _compare(run, crm, latency)
    _measure_memory(run)
    if not run.quick:
        with serving(run.folder, 0) as crm:
            for users in SIZE_USERS:  # once each, for the scale model
                crm.score(users)
                run.add(SIZES, f"{users:,} users", **crm.push(users, _CONCURRENCY))


def _compare(run: Measurement, crm: Crm, latency: int) -> None:
    """Let all clients take turns at one latency."""
    clients = {label: each for label, each in CLIENTS.items() if not run.quick or latency in each.quick}
    for label in (CORE, AIOHTTP):  # the first run fills caches
        _deliver(crm, clients[label], _WARM_UP)
    users = _FAST[latency]
    if not run.quick:
        crm.score(users)
    case = f"{latency} ms"
    for _ in range(run.rounds or (_QUICK_ROUNDS if run.quick else _ROUNDS[latency])):
        for label, client in clients.items():
            run.add(case, label, **_deliver(crm, client, client.scores[latency]))
        if not run.quick:
            run.add(case, JOB, **crm.push(users, _CONCURRENCY))
            if WRK in run.versions:
                run.add(case, WRK, **crm.wrk(_CONCURRENCY, _WRK_SECONDS[latency]))


def _deliver(crm: Crm, client: Client, count: int) -> dict[str, float]:
    return crm.client(client.python, client.module, client.name, count, _CONCURRENCY)


def _measure_memory(run: Measurement) -> None:
    """Measure the process of a push task, once each, because memory hardly varies."""
    with serving(run.folder, 0) as crm:
        for count in (_FEW, _HTTP_MANY):
            found = crm.client(GLUE, "push.clients", "core", count, _CONCURRENCY)
            run.add(MEMORY, f"{count:,} users over HTTP", memory=found["memory"])
    for count in (_FEW, _MANY):
        found = run_module(GLUE, "push.clients", "instant", "http://crm.invalid/", count, _CONCURRENCY)
        run.add(MEMORY, f"{count:,} users", memory=found["memory"])


def targets(figures: Figures) -> list[Target]:
    """Return the targets for the delivery."""

    def rate(latency: int, other: str, limit: float) -> Target:
        found = ratios(figures, f"{latency} ms", "rate", CORE, other)
        return Target(f"requests/s at {latency} ms", found, limit, page.times, at_least=True, of=other)

    def growth(few: str, many: str) -> Target:
        pairs = zip(values(figures, MEMORY, few, "memory"), values(figures, MEMORY, many, "memory"), strict=True)
        grown = [(after - before) / 1e6 for before, after in pairs]
        return Target(f"more memory of a push task for {many} than for {few}", grown, 2.0, "{:.1f} MB".format)

    cpu = ratios(figures, "50 ms", "cpu", CORE, AIOHTTP)
    return [
        rate(50, AIOHTTP, 0.95),
        rate(200, AIOHTTP, 0.95),
        Target("CPU per 10,000 users at 50 ms", cpu, 1.4, page.times, of=AIOHTTP),
        rate(50, DRT, 100),
        rate(50, DLT, 100),
        growth(f"{_FEW:,} users", f"{_MANY:,} users"),
        growth(f"{_FEW:,} users over HTTP", f"{_HTTP_MANY:,} users over HTTP"),
    ]


def text(part: Part) -> str:
    """Return the table of all clients and what they are."""
    figures = part.figures
    names = dict.fromkeys(name for case in figures.values() for name in case if "rate" in case[name])
    cases = [f"{latency} ms" for latency in _LATENCIES]
    rows = [
        (
            name,
            *(page.median(values(figures, case, name, "rate"), "{:,.0f}".format) for case in cases),
            _middle(values(figures, "50 ms", name, "cpu"), "{:.2f}"),
            _middle([each / 1e6 for each in values(figures, "50 ms", name, "memory")], "{:,.0f}"),
            _middle(ratios(figures, "50 ms", "rate", CORE, name), "{:,.2f}"),
        )
        for name in names
        if not name.endswith(" users")  # cases of the memory measurement, not clients
    ]
    head = ("client", *(f"at {case}" for case in cases), "CPU, s per 10,000", "memory, MB", "core to it")
    return _TEXT.format(concurrency=_CONCURRENCY, table=page.table(head, rows))


def _middle(found: list[float], form: str) -> str:
    return form.format(statistics.median(found)) if found else ""


def _versions() -> dict[str, str]:
    """Return the versions of all contestants, by name."""
    program = (
        "import importlib.metadata as m, json, platform, sys; "
        "print(json.dumps([platform.python_version(), *map(m.version, sys.argv[1:])]))"
    )
    found: dict[str, str] = {}
    for python, names in ((GLUE, ("aiohttp", "pyspark")), (BENCH, ("requests", "dlt", "drt-core"))):
        output = subprocess.check_output([python, "-c", program, *names], text=True)
        found |= dict(zip(("Python", *names), json.loads(output), strict=True))
    if wrk := wrk_version():
        found[WRK] = wrk
    return found
