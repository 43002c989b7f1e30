"""Fake AWS clients that keep in memory what the deploy tool writes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.progress_log import ProgressLog


def client_error(code: str, message: str = "", **response: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, **response}, "Operation")


class FakeS3:
    """One bucket.

    :param conditional: whether IfNoneMatch works, which it does not in the local S3 emulator
    """

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
        for key in keys:  # one page each, so that code that reads only the first page fails
            yield {"Contents": [{"Key": key, "ETag": f'"etag of {key}"'}]}


class FakeFormation:
    """CloudFormation with one stack, whose statuses, events and change sets the test sets beforehand."""

    def __init__(self, *statuses: str, events: list[dict[str, Any]] | None = None) -> None:
        self.statuses = list(statuses)  # "" means that there is no stack; the last status stays
        self.events = events or []
        self.changes: list[dict[str, Any]] = []
        self.change_set: dict[str, Any] = {"Status": "CREATE_COMPLETE"}
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.policies: list[str] = []
        self.meta = type("Meta", (), {"region_name": "eu-central-1"})

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if not status:
            raise client_error("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackName": StackName, "StackId": "arn", "StackStatus": status}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803, ARG002
        return {"StackEvents": self.events}

    def get_paginator(self, name: str) -> FakeFormation:
        return {"describe_stack_events": _Events, "describe_change_set": _ChangeSet}[name](self)  # type: ignore[return-value]

    def create_change_set(self, ChangeSetType: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self.requests.append(more)
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
    def __init__(self, formation: FakeFormation) -> None:
        self._formation = formation

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for event in self._formation.events:
            yield {"StackEvents": [event]}


class _ChangeSet:
    def __init__(self, formation: FakeFormation) -> None:
        self._formation = formation

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield dict(self._formation.change_set)
        for change in self._formation.changes:
            yield {**self._formation.change_set, "Changes": [{"Type": "Resource", "ResourceChange": change}]}


def event(name: str, status: str, reason: str = "", kind: str = "AWS::Glue::Job") -> dict[str, Any]:
    """Return a stack event; it is about the stack itself when the name is `stack`."""
    is_stack = name == "stack"
    return {
        "StackId": "arn",
        "PhysicalResourceId": "arn" if is_stack else name,
        "LogicalResourceId": name,
        "ResourceType": "AWS::CloudFormation::Stack" if is_stack else kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


_CANCELED = "Resource update cancel" + "led"  # as CloudFormation spells it
# Newest first, as CloudFormation returns them; events before the latest start of the user belong to earlier operations.
FAILED_UPDATE = [
    event("stack", "UPDATE_ROLLBACK_COMPLETE"),
    event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [PushJob]."),
    event("PushRole", "UPDATE_FAILED", _CANCELED),
    event("PushJob", "UPDATE_FAILED", "Invalid Glue version"),
    event("ScoreRole", "UPDATE_FAILED", _CANCELED),  # events at the same time have no fixed order
    event("stack", "UPDATE_IN_PROGRESS", "User Initiated"),
    event("ScoreJob", "UPDATE_FAILED", "an earlier failure"),
]


def quiet() -> tuple[ProgressLog, io.StringIO]:
    """Return a progress log, and the text that it writes to."""
    out = io.StringIO()
    return ProgressLog(out, terminal=False), out
