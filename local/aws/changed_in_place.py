"""Types of moto's that change in place in AWS, and that moto would delete and make anew, or not change at all.

A topic made anew has lost its subscriptions and its policy, a security group or key its id. Importing this module
changes moto's classes.
"""

import json
from collections.abc import Callable
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.security_groups import SecurityGroup
from moto.kms.models import Key
from moto.sns.models import Topic


def _in_place(model: Any, change: Callable[[Any, dict[str, Any]], None]) -> None:
    def update(
        cls: Any,  # noqa: ARG001 - as moto calls it
        original_resource: Any,
        new_resource_name: str,  # noqa: ARG001
        cloudformation_json: Any,
        account_id: str,  # noqa: ARG001
        region_name: str,  # noqa: ARG001
    ) -> Any:
        change(original_resource, cloudformation_json["Properties"])
        return original_resource

    model.update_from_cloudformation_json = classmethod(update)


def _change_topic(topic: Topic, given: dict[str, Any]) -> None:
    for name, unset in (("DisplayName", ""), ("KmsMasterKeyId", "")):
        setattr(topic, camelcase_to_underscores(name), given.get(name, unset))


_make_key = Key.create_from_cloudformation_json


def _create_key(cls: Any, *args: Any, **kwargs: Any) -> Key:  # noqa: ARG001 - as moto calls it
    key = _make_key(*args, **kwargs)
    key.policy = json.dumps(key.policy)  # moto leaves an object where its own API wants text
    return key


def _change_key(key: Key, given: dict[str, Any]) -> None:
    key.policy = json.dumps(given["KeyPolicy"])
    key.description = given.get("Description", "")
    key.key_rotation_status = given.get("EnableKeyRotation", False)
    key.enabled = given.get("Enabled", True)


Key.create_from_cloudformation_json = classmethod(_create_key)  # type: ignore[assignment, method-assign]
_in_place(Topic, _change_topic)
_in_place(Key, _change_key)
_in_place(SecurityGroup, lambda group, given: None)  # noqa: ARG005 - nothing here asks for its rules


def _topic_attribute(topic: Topic, name: str) -> str:
    return topic.arn if name == "TopicArn" else topic.name


Topic.has_cfn_attr = classmethod(lambda cls, name: name in ("TopicArn", "TopicName"))  # type: ignore[assignment, method-assign] # noqa: ARG005
Topic.get_cfn_attribute = _topic_attribute  # type: ignore[assignment, method-assign]
