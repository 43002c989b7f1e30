"""The stack policy of the MWAA stack: no update replaces the environment by mistake."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_OPEN = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}]}


def ensure(formation: Any, stack: str, file: Path) -> bool:
    """Set the policy where it is not set; say whether anything had to be done."""
    wanted = json.loads(file.read_text(encoding="utf-8"))
    now = formation.get_stack_policy(StackName=stack).get("StackPolicyBody")
    if now and json.loads(now) == wanted:
        return False
    formation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(wanted))
    return True


@contextlib.contextmanager
def lifted(formation: Any, stack: str, file: Path) -> Iterator[None]:
    """Allow every update while the block runs."""
    formation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(_OPEN))
    try:
        yield
    finally:
        ensure(formation, stack, file)
