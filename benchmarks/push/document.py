"""docs/performance.md, made from measurements. Pure."""

from __future__ import annotations

from benchmarks.pages import disturbance
from benchmarks.push.measurements import Measurements
from benchmarks.push.report import WITHOUT_WRK, table

_TEXT = """\
# Performance of the push

Written by `make bench`; change `benchmarks/`, not this page. Compare ratios rather than figures: client and server
share one machine, and another machine gives other figures.

**Measured on** {cores} cores ({cpu}), Python {python}, aiohttp {aiohttp}, {wrk}.
{disturbance}

{table}

MB is 1,000,000 bytes.{without_wrk}

## Who takes part

- **This project**: the delivery core as a push task runs it, without a rate limit. For every record it makes an
  idempotency key and a hash, asks pace, breaker and retry budget, counts, and writes a ledger line (here to a local
  file).
- **Bare aiohttp**: as many coroutines as requests under way, each posting the next record. No hashes, no ledger, no
  judgement: the least that the same library can do.
- **wrk** (`-t1`): a load generator in C that posts one valid body again and again, without a key. About the most that
  one thread can exchange with this server. {concurrency} at once and {latency_ms} ms allow {limit:,.0f} requests/s.

## How it is measured

The server is the CRM stand-in (`local/crm`). It forgets all idempotency keys before each run, for it would answer a
known key without the latency. Each client runs in a process of its own, one at a time, in turns, after a short run of
each that does not count. Unless every record was delivered, the command ends with an error.

- **Requests/s** of the first two is records divided by the time of the whole delivery, the core's slow start included
  (8 requests at once, doubled while that costs no latency). wrk tells its own.
- **CPU** is that of all threads of the client's process, less the start of Python and its imports.
- **A ratio** is taken within each round; its median is that of the rounds.
- **Memory** is the kernel's high-water mark of resident memory (`VmHWM`), Python and libraries included, once for each
  number of records. Instant answers come from inside the process: every hundredth request gets a 503, so that records
  wait to be tried again, and the ledger's bytes are counted and dropped. Only a task's counts by second may grow.

A missed wish is marked in the table and fails nothing: no test asserts a time. That memory does not grow is asserted by
`tests/glue_jobs/engagement_jobs/test_memory.py`.

## Run it again

`make bench` took {minutes:.0f} minutes here. It keeps the figures of every round in `.local/bench/push.json` and writes
this page. One part alone leaves the page as it is:

```bash
make bench
.venv/bin/python -m benchmarks.push --only cpu --rounds 9    # or latency, or memory
```
"""


def document(found: Measurements) -> str:
    """The page, from a complete run."""
    here, latency = found["machine"], found["latency"]
    without_wrk = "" if here["wrk"] else f" {WITHOUT_WRK}."
    return _TEXT.format(
        cores=here["cores"],
        cpu=here["cpu"],
        python=here["python"],
        aiohttp=here["aiohttp"],
        wrk=f"wrk {here['wrk']}" if here["wrk"] else "no wrk",
        disturbance=disturbance(found["elsewhere"]),
        table=table(found),
        without_wrk=without_wrk,
        limit=latency["concurrency"] / latency["latency_ms"] * 1000,
        concurrency=latency["concurrency"],
        latency_ms=latency["latency_ms"],
        minutes=max(1, found["seconds"] / 60),
    )
