"""Parsing and resolving templates: short forms, parameters, functions, conditions, references."""

from __future__ import annotations

from typing import Any

import pytest

from infra.intrinsics import NO_VALUE, Resolver, TemplateError, parameter_values, parse, references

TEMPLATE = """
Parameters:
  Prefix: {Type: String, Default: engagement}
  Days: {Type: Number, Default: 30}
  Own: {Type: String, Default: "true"}
Conditions:
  IsOwn: !Equals [!Ref Own, true]
  IsLong: !Not [!Equals [!Ref Days, 30]]
  Both: !And [!Condition IsOwn, !Condition IsLong]
  Either: !Or [!Condition IsOwn, !Condition IsLong]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: %s
"""


def resolver(properties: str = "{}", **given: str) -> Resolver:
    template = parse(TEMPLATE % properties)
    return Resolver(
        template,
        {"AWS::Region": "eu-west-1", **parameter_values(template, given)},
        ref=lambda logical: f"{logical}-id",
        attribute=lambda logical, name: f"{logical}/{name}",
    )


def resolved(properties: str, **given: str) -> Any:
    made = resolver(properties, **given)
    return made.resolve(made.template["Resources"]["Bucket"]["Properties"])


def test_short_forms_become_functions_and_dates_stay_text() -> None:
    found = parse(TEMPLATE % "[!GetAtt Other.Arn.Deep, !If [C, !Ref D, 2012-10-17], !Condition X, !Sub [a, {b: c}]]")
    assert found["Resources"]["Bucket"]["Properties"] == [
        {"Fn::GetAtt": ["Other", "Arn.Deep"]},
        {"Fn::If": ["C", {"Ref": "D"}, "2012-10-17"]},
        {"Condition": "X"},
        {"Fn::Sub": ["a", {"b": "c"}]},
    ]


@pytest.mark.parametrize("text", ["{", "a list", "Resources: []", ""])
def test_what_is_not_a_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="Template format error"):
        parse(text)


@pytest.mark.parametrize(
    ("piece", "value"),
    [
        ("!Ref Prefix", "engagement"),
        ("!Ref Days", 30),
        ("!Ref Bucket", "Bucket-id"),
        ("!GetAtt Bucket.Arn", "Bucket/Arn"),
        ('!Sub "${Prefix}-${AWS::Region}-${Bucket}-${Bucket.Arn}-${!kept}"',
         "engagement-eu-west-1-Bucket-id-Bucket/Arn-${kept}"),
        ('!Sub ["${own}/${Prefix}", {own: !Ref Days}]', "30/engagement"),
        ('!Join [",", [!Ref Prefix, 1, true]]', "engagement,1,true"),
        ('!Select [1, !Split ["-", "a-b-c"]]', "b"),
        ('!Select [0, !GetAZs ""]', "eu-west-1a"),
        ("!If [IsOwn, yes-own, no-own]", "yes-own"),
        ("[1, !If [IsLong, 2, !Ref AWS::NoValue], 3]", [1, 3]),
        ("{a: !Ref AWS::NoValue, b: {Ref: Days, Other: 1}}", {"b": {"Ref": "Days", "Other": 1}}),
        ("{Statement: [{Condition: {Bool: {x: !Ref Own}}}]}", {"Statement": [{"Condition": {"Bool": {"x": "true"}}}]}),
    ],
)  # fmt: skip
def test_functions_are_resolved(piece: str, value: Any) -> None:
    assert resolved(piece) == value


def test_no_value_resolves_to_its_own_object() -> None:
    assert resolved("!Ref AWS::NoValue") is NO_VALUE


@pytest.mark.parametrize(
    ("given", "true"),
    [
        ({}, {"IsOwn", "Either"}),
        ({"Own": "false"}, set()),
        ({"Days": "31"}, {"IsOwn", "IsLong", "Both", "Either"}),
        ({"Own": "false", "Days": "31"}, {"IsLong", "Either"}),
    ],
)
def test_conditions_follow_the_parameters(given: dict[str, str], true: set[str]) -> None:
    made = resolver(**given)
    assert {name for name in made.template["Conditions"] if made.holds(name)} == true


def test_number_parameters_become_numbers() -> None:
    template = parse("Parameters: {A: {Type: Number}, B: {Type: String, Default: 5}}\nResources: {}")
    assert parameter_values(template, {"A": "1.5"}) == {"A": 1.5, "B": "5"}
    with pytest.raises(TemplateError, match=r"\[A\] must have values"):
        parameter_values(template, {})


@pytest.mark.parametrize(
    ("piece", "message"),
    [("!Ref Nothing", r"Unresolved resource dependencies \[Nothing\]"), ("!Base64 x", "Fn::Base64 is not supported")],
)
def test_an_unknown_reference_or_function_is_refused(piece: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        resolved(piece)


def test_a_condition_of_an_unknown_function_is_refused() -> None:
    with pytest.raises(TemplateError, match="conditions do not have Fn::Sub"):
        resolver().holds({"Fn::Sub": "x"})


def test_references_are_found_in_every_function() -> None:
    piece = parse(TEMPLATE % '[!Ref One, !Sub "${Two}/${!literal}/${Three.Arn}/${AWS::Region}", !GetAtt Four.Arn]')
    assert set(references(piece["Resources"])) == {"One", "Two", "Three", "AWS::Region", "Four"}
    assert set(references({"Fn::Sub": ["${Five}-${own}", {"own": {"Ref": "Six"}}]})) == {"Five", "Six"}
