"""What CloudFormation refuses before it touches anything: parameters, rules, missing capabilities, large templates."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation.exceptions import CloudFormationError, ValidationError

from infra.intrinsics import Resolver

MAX_BODY_BYTES = 51_200  # what does not fit into a request goes through S3
_NAMES_OF_IAM = ("RoleName", "ManagedPolicyName", "UserName", "GroupName", "InstanceProfileName")


class InsufficientCapabilitiesError(CloudFormationError):
    """The caller did not say that the template may make IAM resources."""

    code = "InsufficientCapabilitiesException"


def check_parameters(template: dict[str, Any], given: dict[str, str]) -> None:
    """Raise ValidationError on a parameter that is unknown, missing or against its constraints."""
    declared: dict[str, Any] = template.get("Parameters") or {}
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, slot in declared.items() if "Default" not in slot and name not in given]
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for name, slot in declared.items():
        value = str(given.get(name, slot.get("Default")))
        values = value.split(",") if "List" in slot.get("Type", "") else [value]
        for wrong in filter(None, (_against(slot, part.strip()) for part in values)):
            raise ValidationError(message=f"Parameter '{name}' {slot.get('ConstraintDescription') or wrong}")


def _against(slot: dict[str, Any], value: str) -> str | None:
    if "AllowedValues" in slot and value not in map(str, slot["AllowedValues"]):
        return "must be one of AllowedValues"
    if "AllowedPattern" in slot and not re.fullmatch(slot["AllowedPattern"], value):
        return f"must match pattern {slot['AllowedPattern']}"
    if "Number" in slot.get("Type", ""):
        try:
            number = float(value)
        except ValueError:
            return "must be a number"
        if number < float(slot.get("MinValue", number)):
            return f"must be a number not less than {slot['MinValue']}"
        if number > float(slot.get("MaxValue", number)):
            return f"must be a number not greater than {slot['MaxValue']}"
    if len(value) < int(slot.get("MinLength", 0)):
        return f"must contain at least {slot['MinLength']} characters"
    if len(value) > int(slot.get("MaxLength", len(value))):
        return f"must contain at most {slot['MaxLength']} characters"
    return None


def check_rules(template: dict[str, Any], resolver: Resolver) -> None:
    """Raise ValidationError when an assertion of the section Rules does not hold."""
    for name, rule in (template.get("Rules") or {}).items():
        if "RuleCondition" in rule and not resolver.holds(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not resolver.holds(assertion["Assert"]):
                said = assertion.get("AssertDescription", "assertion failed")
                raise ValidationError(message=f"Template validation error: Rule {name}: {said}")


def check_capabilities(template: dict[str, Any], given: list[str]) -> None:
    """Raise InsufficientCapabilitiesError when the template makes IAM resources and the caller has not agreed."""
    made = [item for item in template["Resources"].values() if item["Type"].startswith("AWS::IAM::")]
    named = any(name in item.get("Properties", {}) for item in made for name in _NAMES_OF_IAM)
    wanted = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    if made and not {wanted, "CAPABILITY_NAMED_IAM"} & set(given):
        raise InsufficientCapabilitiesError(f"Requires capabilities : [{wanted}]")


def template_body(body: str | None, url: str | None, root: Path) -> str | None:
    """The template's text, from the request or from the object that the URL names in the folder `root`.

    Raises ValidationError when the body is too long for a request, or there is no such object.
    """
    if not url:
        if body and len(body.encode()) > MAX_BODY_BYTES:
            raise ValidationError(
                message="1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_BODY_BYTES}"
            )
        return body
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    if ".s3." in host or ".s3-" in host:  # https://bucket.s3.region.amazonaws.com/key, else the bucket leads the path
        path = f"{re.split(r'[.]s3[.-]', host)[0]}/{path}"
    file = root / path
    if not file.is_file():
        raise ValidationError(message=f"S3 error: The specified key does not exist. ({path})")
    return file.read_text()
