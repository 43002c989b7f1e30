"""The product's own numbers, as the paper takes them: a name that is gone, or means another thing, shows here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scale.measurements import Product
from benchmarks.scale.product import concurrent_runs, parameter_default, product
from benchmarks.scale.told import told

TEMPLATE = """\
Parameters:
  Workers:
    Type: Number
    Default: 2
    Description: How many,
      the driver included.
  Minutes:
    Type: Number
    MinValue: 1
    Default: 60
  Name:
    Type: String
    Default: engagement
Resources:
  Job:
      ExecutionProperty:
        MaxConcurrentRuns: 1
  Other:
      ExecutionProperty:
        MaxConcurrentRuns: 1
"""


def test_every_number_is_there(tmp_path: Path) -> None:
    found = product(tmp_path)
    assert set(found) == set(Product.__annotations__)
    assert all(isinstance(value, int | float) and value > 0 for value in found.values())
    assert found["deadline_seconds"] <= found["most_deadline_seconds"] < found["push_timeout_minutes"] * 60
    assert found["push_tasks"] < found["most_push_tasks"]
    assert found["flush_lines"] < found["unflushed_lines"]


def test_a_place_is_a_module_and_names_of_attributes_or_keys() -> None:
    assert told("sys:version_info/major") == 3
    assert told("os:environ/PATH")
    with pytest.raises(AttributeError):
        told("sys:no_such_thing")


def test_defaults_of_a_template() -> None:
    assert [parameter_default(TEMPLATE, name) for name in ("Workers", "Minutes")] == [2, 60]
    assert concurrent_runs(TEMPLATE) == 1


@pytest.mark.parametrize("name", ["Name", "Hours"])
def test_a_parameter_without_a_number_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        parameter_default(TEMPLATE, name)


def test_jobs_that_differ_in_their_runs_are_an_error() -> None:
    with pytest.raises(ValueError, match="unpack"):
        concurrent_runs(TEMPLATE.replace("MaxConcurrentRuns: 1", "MaxConcurrentRuns: 2", 1))
