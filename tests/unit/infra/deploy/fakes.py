"""AWS clients that keep in memory what the deploy tool asks of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.progress_log import ProgressLog


def client_error(code: str, message: str = "", **response: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, **response}, "Asked")


class S3:
    """One bucket. `conditional`: whether IfNoneMatch is obeyed, which the local stand-in does not."""

    def __init__(self, *, conditional: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.written: list[str] = []
        self.conditional = conditional

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        if Key not in self.objects:
            raise client_error("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "", **_: Any) -> None:  # noqa: N803, ARG002
        if IfNoneMatch and self.conditional and Key in self.objects:
            raise client_error("PreconditionFailed")
        self.objects[Key] = Body
        self.written.append(Key)

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803, ARG002
        del self.objects[Key]
        self.written.append(f"-{Key}")

    def get_paginator(self, _: str) -> _Listing:
        return _Listing(self.objects)


class _Listing:
    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803, ARG002
        keys = sorted(key for key in self._objects if key.startswith(Prefix))
        if Delimiter:
            ends = {key[: key.index(Delimiter, len(Prefix)) + 1] for key in keys if Delimiter in key[len(Prefix) :]}
            yield {"CommonPrefixes": [{"Prefix": end} for end in sorted(ends)]}
            return
        for key in keys:  # a page each, so that who reads the first alone is found out
            yield {"Contents": [{"Key": key, "ETag": f'"etag of {key}"'}]}


class Formation:
    """One stack, whose statuses, events and change sets a test writes down beforehand."""

    def __init__(self, *statuses: str, events: list[dict[str, Any]] | None = None) -> None:
        self.statuses = list(statuses)  # "" is no stack; the last one stays
        self.events = events or []
        self.changes: list[dict[str, Any]] = []
        self.change_set: dict[str, Any] = {"Status": "CREATE_COMPLETE"}
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.policies: list[str] = []
        self.meta = type("Meta", (), {"region_name": "eu-central-1"})

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if not status:
            raise client_error("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackName": StackName, "StackId": "arn", "StackStatus": status}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803, ARG002
        return {"StackEvents": self.events}

    def get_paginator(self, name: str) -> Formation:
        return {"describe_stack_events": _Events, "describe_change_set": _ChangeSet}[name](self)  # type: ignore[return-value]

    def create_change_set(self, ChangeSetType: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self.asked.append(more)
        self.calls.append(f"create {ChangeSetType}")
        return {"Id": "change"}

    def delete_change_set(self, **_: Any) -> None:
        self.calls.append("discard")

    def execute_change_set(self, **_: Any) -> None:
        self.calls.append("execute")

    def delete_stack(self, **_: Any) -> None:
        self.calls.append("delete")

    def get_stack_policy(self, **_: Any) -> dict[str, Any]:
        return {"StackPolicyBody": self.policies[-1]} if self.policies else {}

    def set_stack_policy(self, StackPolicyBody: str, **_: Any) -> None:  # noqa: N803
        self.policies.append(StackPolicyBody)


class _Events:
    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for event in self._formation.events:
            yield {"StackEvents": [event]}


class _ChangeSet:
    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield dict(self._formation.change_set)
        for change in self._formation.changes:
            yield {**self._formation.change_set, "Changes": [{"Type": "Resource", "ResourceChange": change}]}


def event(name: str, status: str, reason: str = "", kind: str = "AWS::Glue::Job") -> dict[str, Any]:
    """A stack event; of the stack itself when the name is `stack`."""
    own = name == "stack"
    return {
        "StackId": "arn",
        "PhysicalResourceId": "arn" if own else name,
        "LogicalResourceId": name,
        "ResourceType": "AWS::CloudFormation::Stack" if own else kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def quiet() -> tuple[ProgressLog, io.StringIO]:
    """Progress into a text."""
    out = io.StringIO()
    return ProgressLog(out, terminal=False), out
