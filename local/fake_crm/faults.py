"""Faults as data: what goes wrong, and for which requests. `fault_injector` injects them."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple, get_type_hints

from local.fake_crm.behaviors.answer_table import ANSWERS
from local.fake_crm.behaviors.quota import STYLES

FORMS = ("http", "epoch", "iso")  # of a date in Retry-After: HTTP date, epoch second, ISO 8601
_MAX = 1e9  # the maximum of times and counts; clocks, sleeps and dates support it


class Rule(NamedTuple):
    """Whether a JSON value is allowed for a member, and a description of the expected value."""

    allows: Callable[[Any], bool]
    expected: str


def _number(low: float, high: float = _MAX, unit: str = "a number") -> Rule:
    def allows(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return Rule(allows, f"{unit} from {low:g} to {high:g}")


def _integer(low: int, high: float = _MAX) -> Rule:
    number = _number(low, high, "an integer")
    return Rule(lambda value: isinstance(value, int) and number.allows(value), number.expected)


def _is_printable(value: object) -> bool:
    # A header with a line break would fail only when it is sent.
    return isinstance(value, str) and value.isprintable()


def _is_header_map(value: object) -> bool:
    return isinstance(value, dict) and all(_is_printable(name) and _is_printable(text) for name, text in value.items())


def _is_user_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(user, str) for user in value)


def _is_answer_list(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(name in ANSWERS for name in value)


_MILLISECONDS = _number(0, unit="a number of milliseconds")
_ANY = Rule(lambda _: True, "any JSON value")
_TEXT = Rule(_is_printable, "a string of printable characters")
_TEXTS = Rule(_is_header_map, "an object of printable strings")
_WAIT = Rule(lambda value: _integer(0, math.inf).allows(value) or _is_printable(value), "seconds or a string")
_USERS = Rule(_is_user_list, "a list of strings")
_ANSWERS = Rule(_is_answer_list, f"a list of some of {', '.join(ANSWERS)}")
_ANSWER = Rule(lambda value: value in ANSWERS, f"one of {', '.join(ANSWERS)}")
_STYLE = Rule(lambda value: value in STYLES, f"one of {', '.join(STYLES)}")
_FORM = Rule(lambda value: value in FORMS, f"one of {', '.join(FORMS)}")
_FLAG = Rule(lambda value: isinstance(value, bool), "true or false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong (first group of members), and for which requests (second group).

    `body` is sent verbatim if it is a string, otherwise as JSON. `retry_after` is sent verbatim with every response
    that is not a success, including 429 of the rate limit. `retry_after_date` is sent in the same way, as the date that
    is this number of seconds after the Date of the response, in the form `retry_after_form`. `answers` are sent byte by
    byte, in turn; each says itself whether the update is applied before it.
    """

    status: Annotated[int | None, _integer(200, 599)] = None
    body: Annotated[Any, _ANY] = None
    answers: Annotated[tuple[str, ...] | None, _ANSWERS] = None
    content_type: Annotated[str | None, _TEXT] = None
    headers: Annotated[dict[str, str] | None, _TEXTS] = None
    retry_after: Annotated[int | str | None, _WAIT] = None
    retry_after_date: Annotated[int | None, _integer(0)] = None
    retry_after_form: Annotated[str, _FORM] = "http"
    latency_ms: Annotated[float, _MILLISECONDS] = 0
    answer_after_ms: Annotated[float, _MILLISECONDS] = 0  # delay between applying the update and the response
    slots: Annotated[int | None, _integer(1)] = None  # updates processed at the same time; the others wait
    rate: Annotated[float | None, _number(0.001)] = None  # requests per second that the fault allows; 429 above it
    burst: Annotated[float | None, _number(1)] = None  # requests at once within `rate`; None is `rate`
    quota: Annotated[int | None, _integer(1)] = None  # requests in `quota_seconds`, announced; 429 above it
    quota_seconds: Annotated[float, _number(0.001)] = 60
    quota_headers: Annotated[str, _STYLE] = "draft"
    over_limit: Annotated[str | None, _ANSWER] = None  # the answer above `rate` or `quota` instead of the CRM's own
    drop_before: Annotated[bool, _FLAG] = False
    drop_after: Annotated[bool, _FLAG] = False
    silent: Annotated[bool, _FLAG] = False  # never answer
    close_after_ms: Annotated[float | None, _MILLISECONDS] = None  # from the answer to an unannounced close
    down: Annotated[bool, _FLAG] = False
    revoked: Annotated[bool, _FLAG] = False
    after_applying: Annotated[bool, _FLAG] = False  # apply the update, then respond with `status` and `body`
    stored: Annotated[bool, _FLAG] = False  # store the response under the idempotency key and replay it

    fraction: Annotated[float, _number(0, 1)] = 1.0
    after: Annotated[int, _integer(0)] = 0  # number of matching requests that pass first
    first: Annotated[int | None, _integer(1)] = None  # number of matching requests that the fault hits
    seconds: Annotated[float | None, _number(0.001)] = None  # duration from the first matching request
    for_users: Annotated[tuple[str, ...] | None, _USERS] = None
    every_user: Annotated[int, _integer(1)] = 1  # about one in so many users, always the same ones
    seed: Annotated[int, _integer(0)] = 0

    @classmethod
    def from_json(cls, text: str) -> "Fault":
        """Parse a JSON object.

        :raises ValueError: names the invalid member, its value, and what was expected
        """
        try:
            members = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"faults: not valid JSON ({error})") from None
        if unknown := sorted(members.keys() - _RULES.keys()):
            raise ValueError(f"faults: unknown {', '.join(unknown)}; expected {', '.join(_RULES)}")
        members = {name: value for name, value in members.items() if value is not None}
        for name, value in members.items():
            if not _RULES[name].allows(value):
                raise ValueError(f"faults: {name} is {value!r}, expected {_RULES[name].expected}")
        for name in ("for_users", "answers"):
            if name in members:
                members[name] = tuple(members[name])
        fault = cls(**members)
        fault._check()
        return fault

    def _check(self) -> None:
        if self.retry_after is not None and self.retry_after_date is not None:
            raise ValueError("faults: expected retry_after or retry_after_date, got both")
        if self.burst is not None and self.rate is None:
            raise ValueError("faults: burst requires rate")
        if self.over_limit is not None and self.rate is None and self.quota is None:
            raise ValueError("faults: over_limit requires rate or quota")
        if self.answers is not None and (self.status is not None or self.body is not None):
            raise ValueError("faults: expected answers or status and body, got both")
        defaults = asdict(NO_FAULT)
        if all(getattr(self, name) == defaults[name] for name in _EFFECTS):
            raise ValueError(f"faults: the fault has no effect; set at least one of {', '.join(_EFFECTS)}")


_RULES: dict[str, Rule] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Fault, include_extras=True).items()
}
_EFFECTS = (
    *("answer_after_ms", "answers", "body", "close_after_ms", "down", "drop_after", "drop_before", "latency_ms"),
    *("quota", "rate", "retry_after", "retry_after_date", "revoked", "silent", "slots", "status"),
)
NO_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class Profile:
    """A named fault, and a line on what the CRM does while it is switched on."""

    fault: Fault
    what: str
