"""All of it: the product's numbers, samples, the summary of a large night, and what follows on paper."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks import jobs, sides
from benchmarks.scale.breaks import breaks
from benchmarks.scale.cases import case
from benchmarks.scale.ceilings import ceilings
from benchmarks.scale.elements import elements
from benchmarks.scale.measured import Measured
from benchmarks.scale.measurements import Samples, Scale
from benchmarks.scale.model import Model
from benchmarks.scale.product import product
from benchmarks.scale.simulation import simulate
from local import s3

_USERS = (10_000, 1_000_000, 10_000_000, 100_000_000)
_CRM_LIMITS = [200, 1000, 5000]
_BUCKET = "samples"


def measure(folder: Path, measured: Measured, say: Callable[[str], None]) -> Scale:
    """Measure what is to be measured here, and put the nights on paper.

    :param folder: is made, and gone afterwards
    :param measured: what other benchmarks measured
    :param say: takes a line about what is going on
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        own = product(folder / "airflow")
        samples = _samples(folder / "samples", say)
        summary = simulate(folder / "night", say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    model = Model(measured, samples, own)
    ends = breaks(elements(model, summary), _CRM_LIMITS)
    places = range(len(_CRM_LIMITS))
    return Scale(
        measured=asdict(measured),
        samples=samples,
        product=own,
        crm_limits=_CRM_LIMITS,
        cases=[case(model, users, place, _CRM_LIMITS, ends) for users in _USERS for place in places],
        breaks=ends,
        ceilings=ceilings(model),
        summary=summary,
    )


def _samples(folder: Path, say: Callable[[str], None]) -> Samples:
    say("scale: nights of a sample, without their sending")
    root = folder / "s3"
    (root / _BUCKET).mkdir(parents=True)
    with s3.serve(root) as url:
        env = {**jobs.spark(root, folder / "scratch"), **s3.client_env(url)}
        found: Samples = sides.glue("scale.samples", _BUCKET, env=env)
    return found
