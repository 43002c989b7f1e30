"""The kinds of settings: each a dataclass field that carries the rule for its value."""

import math
import re
from dataclasses import MISSING, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a value must be; ``wanted`` says it to a person, and ``hidden`` that a wrong one is not repeated."""

    types: tuple[type, ...]
    wanted: str
    low: float = -math.inf
    high: float = math.inf
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    hidden: bool = False

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with ``value``, None when nothing is."""
        # bool is an int to Python, but `true` is no count.
        ok = type(value) in self.types
        if ok and isinstance(value, str):
            ok = (self.pattern is None or re.fullmatch(self.pattern, value) is not None) and (
                not self.choices or value in self.choices
            )
        elif ok and not isinstance(value, bool):
            ok = self.low <= value <= self.high
        found = f"a {type(value).__name__} that is not shown" if self.hidden else repr(value)
        return None if ok else f"found {found}, wanted {self.wanted}"


def text(pattern: str, wanted: str, default: Any = MISSING, *, hidden: bool = False) -> Any:
    """Declare a text that matches ``pattern`` from end to end; ``hidden`` when a wrong one may be a secret."""
    return _field(Rule(types=(str,), wanted=wanted, pattern=pattern, hidden=hidden), default)


def choice(choices: tuple[str, ...], default: str) -> Any:
    """Declare one word out of ``choices``."""
    return _field(Rule(types=(str,), wanted=f"one of {', '.join(choices)}", choices=choices), default)


def flag(*, default: bool) -> Any:
    """Declare a truth value."""
    return _field(Rule(types=(bool,), wanted="true or false"), default)


def integer(default: int, low: int, high: float = math.inf) -> Any:
    """Declare a whole number in ``low..high``."""
    return _field(Rule(types=(int,), wanted=f"a whole number {_range(low, high)}", low=low, high=high), default)


def number(default: float, low: float, high: float) -> Any:
    """Declare a number in ``low..high``, whole or not."""
    return _field(Rule(types=(int, float), wanted=f"a number {_range(low, high)}", low=low, high=high), default)


def _range(low: float, high: float) -> str:
    return f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"


def _field(rule: Rule, default: Any) -> Any:
    return field(default=default, metadata={"rule": rule})
