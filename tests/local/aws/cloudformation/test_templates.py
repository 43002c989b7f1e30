"""Templates as data: the order in which resources are made."""

from __future__ import annotations

import pytest
from moto.cloudformation.exceptions import ValidationError

from local.aws.cloudformation.templates import ordered


def test_a_resource_comes_after_what_it_needs() -> None:
    template = {
        "Resources": {
            "Last": {"Type": "T", "Properties": {"X": {"Fn::Sub": "${Middle.Arn}"}}},
            "Middle": {"Type": "T", "DependsOn": "First"},
            "First": {"Type": "T"},
        }
    }
    assert ordered(template) == ["First", "Middle", "Last"]


@pytest.mark.parametrize(
    ("properties", "said"),
    [({"X": {"Ref": "Nobody"}}, r"Unresolved resource dependencies \[Nobody\]"), ({"X": {"Ref": "A"}}, "Circular")],
)
def test_a_name_that_is_nowhere_and_a_circle_are_refused(properties: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ordered({"Resources": {"A": {"Type": "T", "Properties": properties}}})
