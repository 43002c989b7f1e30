"""The stack policy, which denies the replacement of resources whose loss would lose Airflow's history."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ALLOW_EVERYTHING = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}]}


class StackPolicy:
    """The policy of one stack.

    :param formation: boto3 CloudFormation client
    :param stack: name of the stack
    :param file: the policy document
    """

    def __init__(self, formation: Any, stack: str, file: Path) -> None:
        self._formation = formation
        self._stack = stack
        self._document = json.loads(file.read_text(encoding="utf-8"))

    def ensure(self) -> bool:
        """Set the policy unless the stack already has it; return whether it was set."""
        present = self._formation.get_stack_policy(StackName=self._stack).get("StackPolicyBody")
        if present and json.loads(present) == self._document:
            return False
        self._set(self._document)
        return True

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Allow every update inside the block; set the policy again at its end."""
        self._set(_ALLOW_EVERYTHING)
        try:
            yield
        finally:
            self.ensure()

    def _set(self, document: dict[str, Any]) -> None:
        self._formation.set_stack_policy(StackName=self._stack, StackPolicyBody=json.dumps(document))
