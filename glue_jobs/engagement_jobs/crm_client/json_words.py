"""Words in JSON bodies that report success, failure or a limit. All are compared without case."""

from __future__ import annotations

import functools
import re
from typing import Final

SUCCESS_WORDS: Final = frozenset(
    [
        "true",
        "ok",
        "success",
        "succeeded",
        "successful",
        "updated",
        "created",
        "accepted",
        "queued",
        "done",
        "complete",
        "completed",
        "processed",
        "saved",
        "applied",
    ]
)
FAILURE_WORDS: Final = frozenset(
    [
        "false",
        "error",
        "errors",
        "fail",
        "failed",
        "failure",
        "rejected",
        "invalid",
        "exception",
        "denied",
        "refused",
        "unsuccessful",
        "unauthorized",
        "forbidden",
        "nok",
        "ko",
    ]
)
FAILURE_PHRASES: Final = frozenset({"not ok", "not found", "bad request", "server error", "not successful"})
FALSE_WORDS: Final = FAILURE_WORDS | {"no", "n", "0"}
# Values of an error field that mean that there is no error, without their punctuation.
_NO_ERROR_WORDS = SUCCESS_WORDS - {"true"} | frozenset(
    ("", "none", "null", "nil", "false", "no", "n", "n a", "undefined")
)
_NO_ERROR = re.compile(
    r"(?:no|0|zero|without) (?:errors?|failures?|exceptions?|issues?|problems?)"
    r"(?: (?:found|occurred|reported|detected))?|[0 ]+"
)
_SEPARATORS = re.compile(r"[\W_]+")
_ZERO_COUNT = re.compile(r"[a-z]\W+(?:0|none)\W*$", re.IGNORECASE)
_FIRST_WORD = re.compile(r"\W*([^\W_]+)(?!_)")

# A limit that is exceeded. A text that only mentions one ("remaining quota: 5", "field quota is invalid") is none.
_LIMITED = r"(?:(?:rate|requests?|calls?|usage|daily|hourly|secondly|rolling|minute|api)[\W_]*limits?|quotas?)"
_EXCEEDED = r"(?:exceeded|reached|exhausted|used[\W_]*up)"
_NOT_YET = r"(?:not?|will|would|may|if|when|until|before)(?![a-z])"
_WHOSE = r"(?:an?|the|your|this|its|our|allowed|maximum|secondary|account|ten|secondly|daily|api)"
_LIMIT_TEXT = re.compile(
    r"too[\W_]*many[\W_]*(?:api[\W_]*)?(?:requests|calls)|rate[\W_]+exceeded|(?<!not )rate[\W_]*limited"
    rf"|(?<!no ){_LIMITED}(?:[\W_]+(?!{_NOT_YET})[a-z\d]+){{0,3}}?[\W_]*{_EXCEEDED}(?! by)"
    rf"|(?:exceed(?:ed|s|ing)?|reached)[\W_]+(?:{_WHOSE}[\W_]+){{0,4}}{_LIMITED}"
    r"|(?<!no )(?<!not )(?<!before )(?<!without )throttl(?:ed|ing)(?! (?:disabled|applied|off))",
    re.IGNORECASE,
)
_LIMIT_CODE = re.compile(
    r"(?:rate|requests?)[\W_]*limit|too[\W_]*many[\W_]*(?:requests|calls)|throttl|slow[\W_]*down"
    rf"|(?:limits?|quotas?)[\W_]*{_EXCEEDED}",
    re.IGNORECASE,
)
_CODE = re.compile(r"[\w.:-]{1,80}")
_MAX_TEXT_LENGTH = 300
_MAX_CACHED_LENGTH = 100  # most responses have the same short texts


def names_limit(text: str) -> bool:
    """Return whether a text says that a limit is exceeded: a code such as RATE_LIMIT, or a sentence."""
    return _names_limit(text) if len(text) <= _MAX_CACHED_LENGTH else _names_limit.__wrapped__(text[:_MAX_TEXT_LENGTH])


@functools.lru_cache(maxsize=1024)
def _names_limit(text: str) -> bool:
    text = text.strip()
    return (_LIMIT_CODE if _CODE.fullmatch(text) else _LIMIT_TEXT).search(text) is not None


def means_no_error(text: str) -> bool:
    """Return whether the text of an error field means that there is no error."""
    words = _SEPARATORS.sub(" ", text[:_MAX_TEXT_LENGTH]).strip().lower()
    return words in _NO_ERROR_WORDS or _NO_ERROR.fullmatch(words) is not None


def state(text: str) -> bool | None:
    """Return whether the text of a status means success or failure; None if neither."""
    if text.lstrip()[:1] in ("{", "[", "<"):
        return None  # a document, not a word
    words = _SEPARATORS.sub(" ", text).strip().lower()
    if means_no_error(text) or _ZERO_COUNT.search(text):  # `Rejected leads: 0`
        return True if words in SUCCESS_WORDS else None
    first = _FIRST_WORD.match(text)
    word = first[1].lower() if first else ""
    last = words.rpartition(" ")[2] if _CODE.fullmatch(text.strip()) else ""  # `VALIDATION_FAILED`
    if word in FAILURE_WORDS or last in FAILURE_WORDS or words in FAILURE_PHRASES:
        return False
    return True if word in SUCCESS_WORDS else None
