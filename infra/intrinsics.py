"""CloudFormation templates as data: parses their short forms and resolves intrinsic functions.

The tests of the templates, the deploy tool and the CloudFormation emulator share this module. It supports the functions
that the templates in this folder use; any other one is an error.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

NO_VALUE: Final = object()
"""The value of `AWS::NoValue`. Items and properties that resolve to it are omitted."""
_SUBSTITUTED = re.compile(r"\$\{([^}]+)\}")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class TemplateError(ValueError):
    """A template that CloudFormation would reject; the message is CloudFormation's."""


class _Loader(yaml.SafeLoader):
    """Loads `!Name x` as `{"Fn::Name": x}`; dates stay text, as in CloudFormation."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML reads this class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there is no fourth kind
        value = loader.construct_scalar(node)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> dict[str, Any]:
    """Parse a template in YAML or JSON.

    :raises TemplateError: when the text is neither, or has no resources
    """
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(f"Template format error: YAML not well-formed. ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("Resources"), dict):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    return found


def parameter_values(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a template's parameters: the given one or the default.

    :raises TemplateError: when a parameter has neither
    """
    found: dict[str, Any] = {}
    for name, declared in (template.get("Parameters") or {}).items():
        if name not in given and "Default" not in declared:
            raise TemplateError(f"Parameters: [{name}] must have values")
        value = given.get(name, declared.get("Default"))
        if declared["Type"] == "Number":
            number = float(value)
            found[name] = int(number) if number.is_integer() else number
        else:
            found[name] = str(value)
    return found


def references(piece: Any) -> Iterator[str]:
    """Yield the names that a part of a template references with Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(piece, list):
        for item in piece:
            yield from references(item)
    elif isinstance(piece, dict):
        for key, value in piece.items():
            if key == "Ref" and isinstance(value, str):
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            elif key == "Fn::Sub":
                text, own = (value, {}) if isinstance(value, str) else value
                names = (name for name in _SUBSTITUTED.findall(text) if not name.startswith("!"))
                yield from (name.partition(".")[0] for name in names if name not in own)
            yield from references(value)


@dataclass(frozen=True)
class Resolver:
    """Resolves the intrinsic functions of one template.

    :param values: parameters and pseudo parameters such as `AWS::Region`, by name
    :param ref: returns the value of Ref for a resource, which only a deployed stack knows
    :param attribute: returns the value of Fn::GetAtt for a resource and an attribute
    """

    template: Mapping[str, Any]
    values: Mapping[str, Any]
    ref: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    _conditions: dict[str, bool] = field(default_factory=dict)

    def resolve(self, piece: Any) -> Any:
        """Resolve every function in a part of the template.

        :raises TemplateError: for a function that is not supported
        """
        if isinstance(piece, list):
            return [value for item in piece if (value := self.resolve(item)) is not NO_VALUE]
        if not isinstance(piece, dict):
            return piece
        if len(piece) == 1:
            ((function, argument),) = piece.items()
            if function == "Ref" and isinstance(argument, str):
                return self._ref(argument)
            if function.startswith("Fn::"):
                return self._call(function, argument)
        pairs = ((name, self.resolve(value)) for name, value in piece.items())
        return {name: value for name, value in pairs if value is not NO_VALUE}

    def holds(self, condition: Any) -> bool:
        """Evaluate a condition or the name of one. None, for a resource without a condition, is true.

        :raises TemplateError: for a function that is not allowed in conditions
        """
        if condition is None:
            return True
        if isinstance(condition, str):
            if condition not in self._conditions:
                self._conditions[condition] = self.holds(self.template["Conditions"][condition])
            return self._conditions[condition]
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self.holds(argument)
            case "Fn::Equals":
                left, right = (_text(self.resolve(side)) for side in argument)
                return left == right
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(map(self.holds, argument))
            case "Fn::Or":
                return any(map(self.holds, argument))
        raise TemplateError(f"Template error: conditions do not have {function}")

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Fn::If":
                condition, if_true, if_false = argument
                return self.resolve(if_true if self.holds(condition) else if_false)
            case "Fn::GetAtt":
                return self.attribute(*argument)
            case "Fn::Sub":
                text, own = (argument, {}) if isinstance(argument, str) else argument
                return _SUBSTITUTED.sub(lambda found: self._substitute(found[1], own), text)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(map(_text, self.resolve(parts)))
            case "Fn::Split":
                separator, joined = argument
                return self.resolve(joined).split(separator)
            case "Fn::Select":
                index, choices = argument
                return self.resolve(choices)[int(index)]
            case "Fn::GetAZs":
                region = self.resolve(argument) or self.values["AWS::Region"]
                return [f"{region}{zone}" for zone in "abc"]
        raise TemplateError(f"Template error: {function} is not supported here")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.values:
            return self.values[name]
        if name in self.template["Resources"]:
            return self.ref(name)
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")

    def _substitute(self, name: str, own: Mapping[str, Any]) -> str:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"
        if name in own:
            return _text(self.resolve(own[name]))
        logical, dot, attribute = name.partition(".")
        return _text(self.attribute(logical, attribute) if dot else self._ref(name))


def _text(value: Any) -> str:
    """Return a value as the text that CloudFormation compares and joins; booleans are lowercase."""
    return str(value).lower() if isinstance(value, bool) else str(value)
