"""One night on paper, with what it costs and whether the product lets it pass. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.scale import assumptions
from benchmarks.scale.measurements import Break, Case, Passes
from benchmarks.scale.model import Model, lists


def case(model: Model, users: int, place: int, crm_limits: Sequence[int], breaks: Sequence[Break]) -> Case:
    """The night of so many users at the limit of that place in `crm_limits`."""
    limit = crm_limits[place]
    objects, files = model.ledger_objects(users, limit), model.score_files(users)
    score, push = model.score_seconds(users), model.push_seconds(users, limit)
    ledger, kept = model.samples["ledger_line"] * users, model.product["responses_days"]
    writes, reads = _requests(model, users, limit)
    return Case(
        users=users,
        limit=limit,
        tasks=model.tasks(limit),
        workers=model.workers(limit),
        score_seconds=score,
        push_seconds=push,
        seconds=model.seconds(users, limit),
        glue_usd=_glue_usd(model, limit, score, push),
        score_bytes=model.samples["score_row"] * users,
        score_files=files,
        manifest_bytes=model.samples["manifest_file"] * files,
        ledger_objects=objects,
        ledger_bytes=ledger,
        ledger_month_usd=ledger * kept / 1e9 * assumptions.S3_GB_MONTH_USD,
        snapshot_bytes=model.samples["snapshot_row"] * users,
        score_driver_bytes=model.score_driver_bytes(users),
        push_driver_bytes=model.push_driver_bytes(users, limit),
        sent_twice=model.tasks(limit) * (model.product["concurrency"] + model.product["unflushed_lines"]),
        s3_writes=writes,
        s3_reads=reads,
        s3_usd=writes * assumptions.S3_WRITE_USD + reads * assumptions.S3_READ_USD,
        passes=passes(users, place, breaks),
    )


def passes(users: int, place: int, breaks: Sequence[Break]) -> Passes:
    """Whether nothing stops such a night: as it is set by default, when set otherwise, or not at all."""
    beyond = {each["kind"] for each in breaks if (most := each["users"][place]) is not None and users > most}
    return "no" if "bound" in beyond else "set" if "default" in beyond else "default"


def _glue_usd(model: Model, limit: int, score: float, push: float) -> float:
    product, least = model.product, model.product["least_seconds"]
    billed = max(score, least) + max(push, least)
    return billed / 3600 * model.workers(limit) * product["dpu_per_worker"] * product["dpu_hour_usd"]


def _requests(model: Model, users: int, limit: int) -> tuple[int, int]:
    """PUT and LIST requests of a night, and GET requests; documents of which there are a few are left out."""
    objects, tasks = model.ledger_objects(users, limit), model.tasks(limit)
    # As many of the scores as of the snapshot. Those are read for their hash and to be sent, these for the plan and to
    # be written anew.
    files = 2 * model.score_files(users)
    # The job lists its ledger, and the summary does once more.
    listed = (assumptions.LEDGER_LISTS + 1) * lists(objects)
    return objects + files + tasks + listed, assumptions.LEDGER_READS * objects + 2 * files + tasks
