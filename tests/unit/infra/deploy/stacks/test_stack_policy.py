"""The stack policy: set once, and set again after a suspension."""

from __future__ import annotations

import contextlib
import json

from infra.deploy.deployment import POLICY
from infra.deploy.stacks.stack_policy import StackPolicy
from tests.unit.infra.deploy.fakes import FakeFormation

DOCUMENT = json.loads(POLICY.read_text())


def test_the_policy_is_set_where_it_is_missing() -> None:
    formation = FakeFormation("")
    assert StackPolicy(formation, "x", POLICY).ensure()
    assert not StackPolicy(formation, "x", POLICY).ensure()
    assert [json.loads(text) for text in formation.policies] == [DOCUMENT]


def test_a_suspension_ends_even_when_interrupted() -> None:
    formation = FakeFormation("")
    policy = StackPolicy(formation, "x", POLICY)
    policy.ensure()
    with contextlib.suppress(KeyboardInterrupt), policy.suspended():
        raise KeyboardInterrupt
    assert "Deny" not in formation.policies[-2]
    assert json.loads(formation.policies[-1]) == DOCUMENT
