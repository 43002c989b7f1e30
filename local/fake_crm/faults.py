"""Faults on demand, as data: what goes wrong, and for which requests. `fault_injector` does it."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple, get_type_hints

_MAX = 1e9  # milliseconds, seconds and requests that clocks, sleeps and dates can take


class Rule(NamedTuple):
    """Whether a JSON value may be given for a member, and what is expected there."""

    allows: Callable[[Any], bool]
    expected: str


def _number(low: float, high: float = _MAX, unit: str = "a number") -> Rule:
    def allows(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return Rule(allows, f"{unit} from {low:g} to {high:g}")


def _integer(low: int, high: float = _MAX) -> Rule:
    number = _number(low, high, "an integer")
    return Rule(lambda value: isinstance(value, int) and number.allows(value), number.expected)


def _is_text(value: object) -> bool:
    # A line end in a header would be refused only when it is sent.
    return isinstance(value, str) and value.isprintable()


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and _is_text(text) for name, text in value.items())


def _are_users(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(user, str) for user in value)


_MILLISECONDS = _number(0, unit="a number of milliseconds")
_ANY = Rule(lambda _: True, "any JSON value")
_TEXT = Rule(_is_text, "a string of printable characters")
_TEXTS = Rule(_are_texts, "an object of printable strings")
_WAIT = Rule(lambda value: _integer(0, math.inf).allows(value) or _is_text(value), "seconds or a string")
_USERS = Rule(_are_users, "a list of strings")
_FLAG = Rule(lambda value: isinstance(value, bool), "true or false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong (first group) and for which requests (second group).

    A text `body` is sent as it is, any other JSON value as JSON. `retry_after` is sent verbatim with every
    answer that is not a success, the rate limit's own included; `retry_after_date` is sent likewise, as the HTTP
    date so many seconds after the answer's own. `rate` is in requests per second, of those that come under the fault.
    """

    status: Annotated[int | None, _integer(200, 599)] = None
    body: Annotated[Any, _ANY] = None
    content_type: Annotated[str | None, _TEXT] = None
    headers: Annotated[dict[str, str] | None, _TEXTS] = None
    retry_after: Annotated[int | str | None, _WAIT] = None
    retry_after_date: Annotated[int | None, _integer(0)] = None
    latency_ms: Annotated[float, _MILLISECONDS] = 0
    answer_after_ms: Annotated[float, _MILLISECONDS] = 0  # the update is applied, and its answer comes so much later
    slots: Annotated[int | None, _integer(1)] = None  # so many updates are worked on at once, the others queue
    rate: Annotated[float | None, _number(0.001)] = None  # 429 beyond it
    burst: Annotated[float | None, _number(1)] = None  # requests at once within `rate`; None is `rate` itself
    drop_before: Annotated[bool, _FLAG] = False
    drop_after: Annotated[bool, _FLAG] = False
    down: Annotated[bool, _FLAG] = False
    revoked: Annotated[bool, _FLAG] = False
    after_applying: Annotated[bool, _FLAG] = False  # applied, and answered with `status` and `body` nevertheless
    stored: Annotated[bool, _FLAG] = False  # the answer is kept under the idempotency key and replayed

    fraction: Annotated[float, _number(0, 1)] = 1.0
    after: Annotated[int, _integer(0)] = 0  # so many matching requests pass first
    first: Annotated[int | None, _integer(1)] = None  # so many matching requests come under the fault, then no more
    seconds: Annotated[float | None, _number(0.001)] = None  # over for good so long after the first that it could meet
    for_users: Annotated[tuple[str, ...] | None, _USERS] = None
    seed: Annotated[int, _integer(0)] = 0

    @classmethod
    def from_json(cls, text: str) -> "Fault":
        """Read a JSON object.

        :raises ValueError: it names the member that is wrong, what it is, and what is expected
        """
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"faults: not valid JSON ({error})") from None
        if unknown := sorted(given.keys() - _RULES.keys()):
            raise ValueError(f"faults: unknown {', '.join(unknown)}; known are {', '.join(_RULES)}")
        given = {name: value for name, value in given.items() if value is not None}
        for name, value in given.items():
            if not _RULES[name].allows(value):
                raise ValueError(f"faults: {name} is {value!r}, expected {_RULES[name].expected}")
        if "for_users" in given:
            given["for_users"] = tuple(given["for_users"])
        fault = cls(**given)
        fault._check()
        return fault

    def _check(self) -> None:
        if self.retry_after is not None and self.retry_after_date is not None:
            raise ValueError("faults: retry_after and retry_after_date exclude each other; name one of them")
        if self.burst is not None and self.rate is None:
            raise ValueError("faults: burst is given without rate")
        usual = asdict(NO_FAULT)
        if all(getattr(self, name) == usual[name] for name in _EFFECTS):
            raise ValueError(f"faults: nothing goes wrong; name at least one of {', '.join(_EFFECTS)}")


_RULES: dict[str, Rule] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Fault, include_extras=True).items()
}
_EFFECTS = (
    *("answer_after_ms", "body", "down", "drop_after", "drop_before", "latency_ms", "rate", "retry_after"),
    *("retry_after_date", "revoked", "slots", "status"),
)
NO_FAULT = Fault()
