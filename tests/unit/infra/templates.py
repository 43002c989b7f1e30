"""The templates of `infra/` as tests look at them: functions of CloudFormation read, conditions decided.

What a template would become with its default parameters, or others, is `resources()`. Names stay names there: `!Ref X`
is "X", `!GetAtt X.Y` is "X.Y", and `!Sub` is its text with what it defines itself filled in.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).resolve().parents[3] / "infra"
ALL = sorted(INFRA.glob("*.yaml"))

_NO_VALUE = {"Ref": "AWS::NoValue"}
_SUBSTITUTED = re.compile(r"\$\{([^!.}][^.}]*)[^}]*\}")


class _Loader(yaml.SafeLoader):
    """Reads `!Name x` as {"Fn::Name": x}, and Ref and Condition without the prefix."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        assert isinstance(node, yaml.ScalarNode)
        value = loader.construct_scalar(node)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


@dataclass(frozen=True)
class Template:
    """One template: its file's text and what is in it."""

    text: str
    document: dict[str, Any]

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters by name."""
        found: dict[str, Any] = self.document.get("Parameters", {})
        return found

    @property
    def outputs(self) -> dict[str, Any]:
        """Outputs by name."""
        found: dict[str, Any] = self.document.get("Outputs", {})
        return found

    def resources(self, **given: str) -> dict[str, dict[str, Any]]:
        """Resources by name that these parameters make; for those not given, the defaults."""
        values = {name: given.get(name, str(one.get("Default", ""))) for name, one in self.parameters.items()}
        conditions = self.document.get("Conditions", {})

        def holds(condition: Any) -> bool:
            ((function, arguments),) = condition.items()
            if function == "Condition":
                return holds(conditions[arguments])
            if function == "Fn::Equals":
                left, right = (values[one["Ref"]] if isinstance(one, dict) else str(one) for one in arguments)
                return left == right
            return {"Fn::Not": lambda parts: not parts[0], "Fn::And": all, "Fn::Or": any}[function](
                [holds(one) for one in arguments]
            )

        decided = {name: holds(condition) for name, condition in conditions.items()}
        return {
            name: _evaluated(resource, decided)
            for name, resource in self.document["Resources"].items()
            if decided.get(resource.get("Condition"), True)
        }

    def properties(self, **given: str) -> dict[str, Any]:
        """Properties of the resources, by the resources' names."""
        return {name: resource.get("Properties", {}) for name, resource in self.resources(**given).items()}

    def of_type(self, kind: str, **given: str) -> dict[str, Any]:
        """Properties of the resources of a type such as `AWS::S3::Bucket`."""
        made = self.resources(**given)
        return {name: one.get("Properties", {}) for name, one in made.items() if one["Type"] == kind}

    def used(self) -> set[str]:
        """Every name that anything refers to, outside of the section Parameters."""
        return set(_references({key: value for key, value in self.document.items() if key != "Parameters"}))


@functools.cache
def load(path: Path) -> Template:
    """Read a template, once."""
    text = path.read_text(encoding="utf-8")
    return Template(text, yaml.load(text, Loader=_Loader))  # noqa: S506 - a SafeLoader


def statements(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Statements of a role (not who may take it), of a policy or of a key; actions and resources as lists."""
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties[name] for name in ("PolicyDocument", "KeyPolicy") if name in properties]
    return [
        {**one, **{part: _list(one[part]) for part in ("Action", "Resource") if part in one}}
        for document in documents
        for one in (json.loads(document) if isinstance(document, str) else document)["Statement"]
    ]


def allows(properties: dict[str, Any], action: str, resource: str) -> bool:
    """Whether a statement allows an action on a resource, its conditions aside."""
    return any(
        one["Effect"] == "Allow"
        and action in one["Action"]
        and any(fnmatchcase(resource, pattern) for pattern in one.get("Resource", []))
        for one in statements(properties)
    )


def _evaluated(piece: Any, decided: dict[str, bool]) -> Any:
    if isinstance(piece, list):
        return [_evaluated(item, decided) for item in piece if not _left_out(item, decided)]
    if not isinstance(piece, dict):
        return piece
    if "Fn::If" in piece:
        return _evaluated(_chosen(piece, decided), decided)
    if len(piece) == 1 and ("Ref" in piece or "Fn::GetAtt" in piece):
        return next(iter(piece.values()))
    if "Fn::Sub" in piece:
        text, defined = piece["Fn::Sub"], {}
        if isinstance(text, list):
            text, defined = text
        for name, value in defined.items():
            text = text.replace(f"${{{name}}}", str(_evaluated(value, decided)))
        return text
    return {key: _evaluated(value, decided) for key, value in piece.items() if not _left_out(value, decided)}


def _left_out(piece: Any, decided: dict[str, bool]) -> bool:
    while isinstance(piece, dict) and "Fn::If" in piece:
        piece = _chosen(piece, decided)
    return bool(piece == _NO_VALUE)


def _chosen(piece: dict[str, Any], decided: dict[str, bool]) -> Any:
    condition, first, second = piece["Fn::If"]
    return first if decided[condition] else second


def _references(piece: Any) -> Iterator[str]:
    if isinstance(piece, list):
        for item in piece:
            yield from _references(item)
    elif isinstance(piece, dict):
        for key, value in piece.items():
            if key in ("Ref", "Fn::GetAtt"):
                yield str(value).partition(".")[0]
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) else value
                yield from _SUBSTITUTED.findall(text)
            yield from _references(value)


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
