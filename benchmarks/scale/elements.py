"""The elements of the design that have an end somewhere, each with the question whether it takes a night. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.scale import assumptions
from benchmarks.scale.measurements import MOST_BYTES, MOST_SECONDS, Kind, Summary
from benchmarks.scale.model import Model, listing_seconds

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Element:
    """One of them.

    :param fits: whether it takes so many users at such a limit of the CRM; if it does, it takes fewer as well
    """

    element: str
    threshold: str
    kind: Kind
    fits: Callable[[int, float], bool]
    beyond: str


def elements(model: Model, summary: Summary) -> list[Element]:
    """All of them.

    :param summary: what the summary took of a night that was measured
    """
    return [*_push(model), *_score(model), *_night(model), *_ledger(model), *_summary(model, summary)]


def _push(model: Model) -> list[Element]:
    product = model.product
    deadline, most = product["deadline_seconds"], product["most_deadline_seconds"]
    timeout, wait = product["push_timeout_minutes"], product["push_wait_minutes"]

    return [
        Element(
            "`deadline_seconds`, its default",
            f"{deadline:,.0f} s",
            "default",
            lambda users, limit: model.until_sent(users, limit) <= deadline,
            "job 2 refuses to begin",
        ),
        Element(
            "`deadline_seconds`, the most it takes",
            f"{most:,.0f} s",
            "bound",
            lambda users, limit: model.until_sent(users, limit) <= most,
            "only `changed` or a `limit` by hand sends anything",
        ),
        Element(
            "Glue's Timeout of job 2",
            f"{timeout:g} min",
            "default",
            lambda users, limit: model.push_seconds(users, limit) <= timeout * 60,
            "killed after it has sent, before its manifest",
        ),
        Element(
            "Airflow's wait for job 2",
            f"{wait:g} min",
            "default",
            lambda users, limit: model.push_seconds(users, limit) <= wait * 60,
            "the task fails while Glue runs on",
        ),
        Element(
            "`failed.csv`, every row open at the deadline",
            f"{timeout * 60 - deadline:,.0f} s",
            "default",
            lambda users, _: users / model.samples["open_rows"] <= timeout * 60 - deadline,
            "killed by the Timeout while the driver writes it",
        ),
    ]


def _score(model: Model) -> list[Element]:
    product = model.product
    read, most = product["rows_per_partition"], product["most_extract_files"]
    manifest = assumptions.KEYS_PER_LIST * model.samples["manifest_file"]
    return [
        Element(
            "Glue's Timeout of job 1",
            f"{product['score_timeout_minutes']:g} min",
            "default",
            lambda users, _: model.score_seconds(users) <= product["score_timeout_minutes"] * 60,
            "killed before its manifest",
        ),
        Element(
            "Airflow's wait for job 1",
            f"{product['score_wait_minutes']:g} min",
            "default",
            lambda users, _: model.score_seconds(users) <= product["score_wait_minutes"] * 60,
            "the task fails while Glue runs on",
        ),
        Element(
            "hashes that job 1's driver looks at",
            f"an extract of {product['extract_on_driver'] / 1e6:g} MB",
            "slower",
            lambda users, _: users <= model.hashes_on_driver,
            f"Spark counts them, {model.measured.hash_seconds_10m:g} s for ten million more",
        ),
        Element(
            "files of an extract",
            f"{most:,} of {read:,} rows",
            "slower",
            lambda users, _: users <= most * read,
            "they have to be larger",
        ),
        Element(
            "files of scores in one listing",
            f"{assumptions.KEYS_PER_LIST:,} names",
            "slower",
            lambda users, _: model.score_files(users) <= assumptions.KEYS_PER_LIST,
            f"a second request; the manifest has {manifest / 1e3:,.0f} kB",
        ),
    ]


def _night(model: Model) -> list[Element]:
    product = model.product
    return [
        Element(
            "a night, before the next one begins",
            "24 h",
            "bound",
            lambda users, limit: model.seconds(users, limit) <= _DAY_SECONDS,
            f"{product['concurrent_runs']} run at a time: each begins later, {product['push_age_days']} days late it "
            "is only planned",
        )
    ]


def _ledger(model: Model) -> list[Element]:
    memory = assumptions.WORKER_BYTES
    return [
        Element(
            "memory of job 2's driver",
            f"{memory / 1e9:g} GB",
            "default",
            lambda users, limit: model.push_driver_bytes(users, limit) <= memory,
            "killed; names of the ledger's objects and counts by second fill it",
        ),
        Element(
            "the ledger's names, which the summary lists",
            f"{MOST_SECONDS:g} s",
            "slower",
            lambda users, limit: listing_seconds(model.ledger_objects(users, limit)) <= MOST_SECONDS,
            "the summary waits for S3, and holds all names in memory",
        ),
    ]


def _summary(model: Model, summary: Summary) -> list[Element]:
    """By what one counted second took of the summary that was measured, the imports apart."""
    whole, counted = summary["whole"], summary["counted_seconds"]
    held, spent = summary["imports"]["bytes"], summary["imports"]["seconds"]
    each_bytes, each_seconds = (whole["bytes"] - held) / counted, (whole["seconds"] - spent) / counted
    return [
        Element(
            "memory of the summary",
            f"{MOST_BYTES / 1e6:g} MB",
            "slower",
            lambda users, limit: held + each_bytes * model.counted_seconds(users, limit) <= MOST_BYTES,
            "more than was wanted",
        ),
        Element(
            "time of the summary, its listing apart",
            f"{MOST_SECONDS:g} s",
            "slower",
            lambda users, limit: spent + each_seconds * model.counted_seconds(users, limit) <= MOST_SECONDS,
            "more than was wanted",
        ),
    ]
