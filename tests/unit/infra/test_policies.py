"""The policy evaluator, compared with IAM's documentation."""

from __future__ import annotations

import pytest

from tests.unit.infra.policies import Request, Statement, allowed, denied, matches

ALLOW: Statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"}
DENY: Statement = {"Effect": "Deny", "Action": ["s3:GetObject"], "Resource": "*"}
BUT: Statement = {"Effect": "Allow", "Action": "kms:*", "NotResource": "arn:aws:kms:*:1:key/*"}
BOTH: Statement = {**ALLOW, "Condition": {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}}
READ = Request("s3:GetObject", "arn:aws:s3:::a/b/c")


def when(operator: str, value: str | list[str]) -> list[Statement]:
    return [{**ALLOW, "Condition": {operator: {"key": value}}}]


@pytest.mark.parametrize(
    ("statements", "request_", "does"),
    [
        ([], READ, False),
        ([ALLOW], READ, True),
        ([ALLOW], Request("S3:getobject", READ.resource), True),  # actions are not case-sensitive, ARNs are
        ([ALLOW], Request("s3:GetObject", "arn:aws:s3:::A/b"), False),
        ([ALLOW], Request("s3:PutObject", READ.resource), False),
        ([ALLOW], Request("s3:GetObject", "arn:aws:s3:::b/c"), False),
        ([ALLOW, DENY], READ, False),
        ([DENY, ALLOW], READ, False),
        ([BUT], Request("kms:Decrypt", "arn:aws:kms:us-east-1:2:key/a"), True),
        ([BUT], Request("kms:Decrypt", "arn:aws:kms:us-east-1:1:key/a"), False),
        ([BOTH], Request(READ.action, READ.resource, {"a": "1", "b": "2", "c": "true"}), True),
        ([BOTH], Request(READ.action, READ.resource, {"a": "1", "b": "3", "c": "true"}), False),
        ([BOTH], Request(READ.action, READ.resource, {"a": "1", "b": "2", "c": "false"}), False),
        # A key that the request lacks makes a condition false, and ForAllValues true.
        (when("StringEquals", ["", "*", "false"]), READ, False),
        (when("Bool", ["", "*", "false"]), READ, False),
        (when("ForAnyValue:StringEquals", ["", "*", "false"]), READ, False),
        (when("ForAllValues:StringEquals", "a"), READ, True),
    ],
)
def test_statements_allow_or_deny(statements: list[Statement], request_: Request, does: bool) -> None:
    assert allowed(statements, request_) is does


def test_a_boundary_limits_but_grants_nothing() -> None:
    assert not allowed([ALLOW], READ, boundary=[])
    assert allowed([ALLOW], READ, boundary=[ALLOW])
    assert not allowed([], READ, boundary=[ALLOW])


def test_only_an_explicit_deny_counts_as_denied() -> None:
    assert denied([ALLOW, DENY], READ)
    assert not denied([ALLOW], READ)


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
def test_wildcards_match_as_in_iam(pattern: str, value: str, does: bool) -> None:
    assert matches(pattern, value) is does


@pytest.mark.parametrize(
    ("operator", "expected", "found", "does"),
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
def test_conditions_work_as_in_iam(
    operator: str, expected: str | list[str], found: str | list[str], does: bool
) -> None:
    request = Request(READ.action, READ.resource, {"key": found})
    assert allowed(when(operator, expected), request) is does


@pytest.mark.parametrize("operator", ["NumericLessThan", "StringNotEquals", "ForAnyValue:Null"])
def test_an_unknown_operator_is_an_error(operator: str) -> None:
    with pytest.raises(NotImplementedError, match=operator):
        allowed(when(operator, "a"), READ)
