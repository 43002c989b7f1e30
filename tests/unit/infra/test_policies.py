"""The evaluator of policies, against what IAM documents."""

from __future__ import annotations

import pytest

from tests.unit.infra.policies import Request, Statement, allowed, denied, matches

ALLOW: Statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"}
DENY: Statement = {"Effect": "Deny", "Action": ["s3:GetObject"], "Resource": "*"}
READ = Request("s3:GetObject", "arn:aws:s3:::a/b/c")


def allow_when(operator: str, key: str, value: str | list[str]) -> list[Statement]:
    return [{**ALLOW, "Condition": {operator: {key: value}}}]


def test_what_nobody_allows_is_denied() -> None:
    assert not allowed([], READ)
    assert allowed([ALLOW], READ)
    assert not allowed([ALLOW], Request("s3:PutObject", READ.resource))
    assert not allowed([ALLOW], Request("s3:GetObject", "arn:aws:s3:::b/c"))


def test_a_denial_wins_in_whatever_order() -> None:
    assert not allowed([ALLOW, DENY], READ)
    assert not allowed([DENY, ALLOW], READ)
    assert denied([ALLOW, DENY], READ)
    assert not denied([ALLOW], READ)


def test_a_boundary_must_allow_as_well_and_gives_nothing() -> None:
    assert not allowed([ALLOW], READ, boundary=[])
    assert allowed([ALLOW], READ, boundary=[ALLOW])
    assert not allowed([], READ, boundary=[ALLOW])


@pytest.mark.parametrize(
    ("pattern", "value", "does"),
    [
        ("a*c", "a/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("secret:crm-??????", "secret:crm-AbCdEf", True),
        ("secret:crm-??????", "secret:crm-token-AbCdEf", False),
    ],
)
def test_wildcards(pattern: str, value: str, does: bool) -> None:
    assert matches(pattern, value) is does


def test_names_of_actions_know_no_case_and_arns_do() -> None:
    assert allowed([ALLOW], Request("S3:getobject", READ.resource))
    assert not allowed([ALLOW], Request("s3:GetObject", "arn:aws:s3:::A/b"))


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "does"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringLike", "a*", "ab", True),
        ("ArnLike", "arn:*:key", "arn:1:key", True),
        ("Bool", "false", "False", True),
        ("Bool", "false", "true", False),
        ("ForAnyValue:StringEquals", "a", ["b", "a"], True),
        ("ForAnyValue:StringEquals", "a", ["b"], False),
        ("ForAllValues:StringEquals", "a", ["a", "b"], False),
        ("ForAllValues:StringEquals", "a", ["a"], True),
    ],
)
def test_conditions(operator: str, wanted: str | list[str], found: str | list[str], does: bool) -> None:
    request = Request(READ.action, READ.resource, {"key": found})
    assert allowed(allow_when(operator, "key", wanted), request) is does


def test_a_key_that_the_request_lacks_makes_a_condition_false() -> None:
    for operator in ("StringEquals", "StringLike", "Bool", "ForAnyValue:StringEquals"):
        assert not allowed(allow_when(operator, "key", ["", "*", "false"]), READ), operator
    assert allowed(allow_when("ForAllValues:StringEquals", "key", "a"), READ)


def test_all_conditions_must_hold() -> None:
    both = [{**ALLOW, "Condition": {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}}]
    assert allowed(both, Request(READ.action, READ.resource, {"a": "1", "b": "2", "c": "true"}))
    assert not allowed(both, Request(READ.action, READ.resource, {"a": "1", "b": "3", "c": "true"}))
    assert not allowed(both, Request(READ.action, READ.resource, {"a": "1", "b": "2", "c": "false"}))


def test_everything_but_a_resource() -> None:
    statement: Statement = {"Effect": "Allow", "Action": "kms:*", "NotResource": "arn:aws:kms:*:1:key/*"}
    assert allowed([statement], Request("kms:Decrypt", "arn:aws:kms:us-east-1:2:key/a"))
    assert not allowed([statement], Request("kms:Decrypt", "arn:aws:kms:us-east-1:1:key/a"))


@pytest.mark.parametrize("operator", ["NumericLessThan", "StringNotEquals", "ForAnyValue:Null"])
def test_what_it_does_not_know_it_does_not_guess(operator: str) -> None:
    with pytest.raises(NotImplementedError, match=operator):
        allowed(allow_when(operator, "key", "a"), READ)
