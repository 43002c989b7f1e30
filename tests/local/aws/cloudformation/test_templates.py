"""Templates as data: short forms, references, the order in which resources are made."""

from __future__ import annotations

import pytest
from moto.cloudformation.exceptions import ValidationError

from local.aws.cloudformation.templates import ordered, parse, references


def test_short_forms_become_functions_and_dates_stay_text() -> None:
    found = parse(
        "Resources:\n  A:\n    Type: T\n    Properties:\n      A: !GetAtt Other.Arn.Deep\n"
        "      B: !If [C, !Ref D, 2012-10-17]\n"
        "      C: !And [!Condition X, !Equals [!Ref Y, '']]\n"
    )
    assert found["Resources"]["A"]["Properties"] == {
        "A": {"Fn::GetAtt": ["Other", "Arn.Deep"]},
        "B": {"Fn::If": ["C", {"Ref": "D"}, "2012-10-17"]},
        "C": {"Fn::And": [{"Condition": "X"}, {"Fn::Equals": [{"Ref": "Y"}, ""]}]},
    }


def test_references_are_seen_in_substitutions_and_attributes_too() -> None:
    template = {"A": [{"Ref": "One"}], "B": {"Fn::Sub": "s3://${Two}/${!literal}/${Three.Arn}/${AWS::Region}"}}
    assert references(template) == ["One", "Two", "Three", "AWS::Region"]
    assert references({"Fn::Sub": ["${Four}-${own}", {"own": {"Ref": "Five"}}]}) == ["Five", "Four"]
    assert references({"Fn::GetAtt": ["Six", "Arn"]}) == ["Six"]


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
