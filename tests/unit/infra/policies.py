"""A small evaluator of IAM policies: the parts of the language that the templates use, decided as IAM does.

An explicit Deny wins, else an Allow; what no statement names is denied. A permissions boundary must allow, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.infra.deployed import Deployed

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A request to AWS.

    :param action: such as `s3:GetObject`
    :param resource: the ARN
    :param context: the condition keys of the request
    """

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def allowed(statements: Sequence[Statement], request: Request, boundary: Sequence[Statement] | None = None) -> bool:
    """Return whether the statements, and the boundary if there is one, allow the request."""
    if boundary is not None and not allowed(boundary, request):
        return False
    effects = {one["Effect"] for one in statements if _applies(one, request)}
    return "Deny" not in effects and "Allow" in effects


def denied(statements: Sequence[Statement], request: Request) -> bool:
    """Return whether a statement denies the request explicitly."""
    return any(one["Effect"] == "Deny" and _applies(one, request) for one in statements)


def statements_of(made: Deployed, logical: str) -> list[Statement]:
    """Return all statements of a role's inline policies or of a managed policy."""
    properties = made.resources[logical]["Properties"]
    documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    documents += [one["PolicyDocument"] for one in properties.get("Policies", [])]
    attached = [
        name
        for name, policy in made.of_type("AWS::IAM::ManagedPolicy").items()
        if made.arn(name) in properties.get("ManagedPolicyArns", []) or logical in _roles_of(policy, made)
    ]
    attached += [
        name for name, policy in made.of_type("AWS::IAM::Policy").items() if logical in _roles_of(policy, made)
    ]
    own = [one for document in documents for one in document["Statement"]]
    return own + [one for name in attached for one in statements_of(made, name)]


def listed(value: str | list[str]) -> list[str]:
    """Return one or several items as a list."""
    return [value] if isinstance(value, str) else value


def matches(pattern: str, value: str) -> bool:
    """Return whether a value matches a pattern, in which `*` stands for any text and `?` for one character."""
    translated = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(translated, value, re.DOTALL) is not None


def _roles_of(policy: Mapping[str, Any], made: Deployed) -> list[str]:
    names = policy.get("Roles", [])
    return [role for role in made.of_type("AWS::IAM::Role") if made.arn(role).rpartition("/")[2] in names]


def _applies(statement: Statement, request: Request) -> bool:
    # Names of actions are not case-sensitive; ARNs are.
    named = any(matches(one.lower(), request.action.lower()) for one in listed(statement["Action"]))
    if "NotResource" in statement:
        there = not any(matches(one, request.resource) for one in listed(statement["NotResource"]))
    else:
        there = any(matches(one, request.resource) for one in listed(statement["Resource"]))
    return (
        named
        and there
        and all(_holds(operator, keys, request.context) for operator, keys in statement.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], context: Mapping[str, str | Sequence[str]]) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    if quantifier not in _QUANTIFIERS or plain not in _OPERATORS:
        raise NotImplementedError(f"condition operator {operator}: add it to {__name__}")
    # A key that the request lacks makes a condition false, and a condition with ForAllValues true.
    return all(
        _QUANTIFIERS[quantifier](
            any(_OPERATORS[plain](one, value) for one in listed(expected)) for value in _values(context.get(key, []))
        )
        for key, expected in keys.items()
    )


def _values(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


_QUANTIFIERS: Mapping[str, Callable[[Iterable[bool]], bool]] = {"": any, "ForAnyValue": any, "ForAllValues": all}


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, value: expected == value,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda expected, value: str(expected).lower() == value.lower(),
}
