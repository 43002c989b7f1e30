"""Intrinsic functions as CloudFormation evaluates them, where moto's do something else.

Importing this module puts them in moto's place: AWS::NoValue leaves lists, too; Fn::Cidr and Fn::GetAZs of a region
are known; Fn::GetAtt of an attribute that is not there is an error; a condition may name another anywhere.
"""

import ipaddress
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

_clean_as_moto = parsing.clean_json
_ZONES = "abc"


def evaluate(piece: Any, resources: Any) -> Any:
    """A piece of a template with every function in it evaluated."""
    if isinstance(piece, list):
        # What is left out is left out: an item that came to nothing is no item.
        return [value for item in piece if (value := evaluate(item, resources)) is not None]
    if not isinstance(piece, dict):
        return piece
    if "Fn::Cidr" in piece:
        return _cidr(*evaluate(piece["Fn::Cidr"], resources))
    if "Fn::GetAZs" in piece:
        region = evaluate(piece["Fn::GetAZs"], resources) or resources["AWS::Region"]
        return [region + zone for zone in _ZONES]
    found = _clean_as_moto(piece, resources)
    if "Fn::GetAtt" in piece and isinstance(found, dict) and "Fn::GetAtt" in found:
        name, attribute = piece["Fn::GetAtt"]
        raise ValidationError(
            message=f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
        )
    return found


def holds(condition: Any, resources: Any, conditions: Any) -> bool:
    """Whether a condition is true. Raises ValidationError on a function that conditions do not have."""
    if isinstance(condition, bool):
        return condition
    ((function, given),) = condition.items()
    if function == "Condition":
        return bool(conditions[given])
    if function in ("Fn::Not", "Fn::And", "Fn::Or"):
        parts = [holds(part, resources, conditions) for part in given]
        return {"Fn::Not": not parts[0], "Fn::And": all(parts), "Fn::Or": any(parts)}[function]
    left, right = (evaluate(side, resources) for side in given)
    if function == "Fn::Equals":
        return _text(left) == _text(right)
    if function == "Fn::Contains":
        return _text(right) in map(_text, left)
    if function == "Fn::EachMemberIn":
        return set(map(_text, left)) <= set(map(_text, right))
    raise ValidationError(message=f"Template error: conditions do not have {function}")


def _text(value: Any) -> str:
    """As CloudFormation compares: everything is text, booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cidr(block: str, count: Any, bits: Any = 8) -> list[str]:
    networks = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
    return [str(next(networks)) for _ in range(int(count))]


parsing.clean_json = evaluate  # type: ignore[assignment]
parsing.parse_condition = holds  # type: ignore[assignment]
