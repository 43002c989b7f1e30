"""What bounds the rate, whatever the number of users. Pure."""

from __future__ import annotations

from benchmarks.scale import assumptions
from benchmarks.scale.measurements import Ceiling
from benchmarks.scale.model import Model


def ceilings(model: Model) -> list[Ceiling]:
    """Of the job, and of each thing that a push task does on its own."""
    measured, product = model.measured, model.product
    latency = measured.latency_ms

    def of_task(element: str, task: float, at_most: float | None = None) -> Ceiling:
        return Ceiling(
            element=element,
            task=task,
            by_default=task * product["push_tasks"],
            at_most=(at_most or task) * product["most_push_tasks"],
        )

    def under_way(milliseconds: float) -> Ceiling:
        per_second = 1000 / milliseconds
        return of_task(
            f"requests under way, answers after {milliseconds:g} ms",
            product["concurrency"] * per_second,
            product["most_concurrency"] * per_second,
        )

    return [
        Ceiling(
            element="setting `max_requests_per_second`",
            task=None,
            by_default=product["requests_per_second"],
            at_most=product["most_requests_per_second"],
        ),
        under_way(latency),
        under_way(10 * latency),
        of_task(f"one push task, as measured at {latency:g} ms", measured.records_per_second),
        of_task("one core for each task", 10_000 / measured.cpu_seconds_per_10_000),
        of_task("the ledger, one object after the other", product["flush_lines"] / assumptions.S3_SECONDS),
    ]
