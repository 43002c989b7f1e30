"""The stack policy: set once, and back in its place after a replacement that was meant."""

from __future__ import annotations

import contextlib
import json

from infra.deploy import policy
from infra.deploy.deployment import POLICY
from tests.unit.infra.deploy.fakes import Formation


def test_it_is_set_where_it_is_not() -> None:
    formation = Formation("")
    assert policy.ensure(formation, "x", POLICY)
    assert not policy.ensure(formation, "x", POLICY)
    assert [json.loads(text) for text in formation.policies] == [json.loads(POLICY.read_text())]


def test_it_comes_back_whatever_happens() -> None:
    formation = Formation("")
    policy.ensure(formation, "x", POLICY)
    with contextlib.suppress(KeyboardInterrupt), policy.lifted(formation, "x", POLICY):
        raise KeyboardInterrupt
    assert "Deny" not in formation.policies[-2]
    assert json.loads(formation.policies[-1]) == json.loads(POLICY.read_text())
