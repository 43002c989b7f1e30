"""Names in JSON bodies, and what they mean. `isSuccess`, `is_success` and `IS-SUCCESS` are the same name."""

from __future__ import annotations

import enum
import functools
import re
from typing import Final

_MAX_NAME_LENGTH = 40  # longer than every name that means something
_SUCCESS_NAMES: Final = frozenset(
    {"success", "ok", "issuccess", "isok", "successful", "issuccessful", "succeeded", "issuccessstatuscode"}
)
_STATUS_NAMES: Final = frozenset(
    {"status", "statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsestatus"},
)
# Members that hold the response itself; in all others, a status or a message may be that of a record.
_CONTAINER_NAMES: Final = frozenset(
    ["results", "result", "data", "responses", "response", "records", "meta", "body", "compositeresponse"]
)
_ERROR_NAMES: Final = re.compile(
    r"\w*errors|error|err|haserror|iserror|errorcode|errcode|errno|failed|exception|fault"
    r"|(?:num|number|numberof|total)?(?:failed|failures?|errors?)\w{0,12}count|(?:num|numberof|total)?(?:failed|failures)"
)
_EXECUTION_ERROR_NAMES: Final = frozenset({"errormessage", "errortype"})
_MESSAGE_NAMES: Final = frozenset({"message", "msg", "errmsg", "reason", "detail", "type", "errordescription"})
_RECORD_TEXT_NAMES: Final = frozenset({"title", "description"})


class Kind(enum.Enum):
    """What a name means, and so what its member may hold."""

    OTHER = enum.auto()
    ITEM = enum.auto()
    CONTAINER = enum.auto()
    SUCCESS = enum.auto()
    STATUS = enum.auto()
    ERROR = enum.auto()
    EXECUTION_ERROR = enum.auto()
    CODE = enum.auto()
    MESSAGE = enum.auto()
    RECORD_TEXT = enum.auto()


@functools.lru_cache(maxsize=1024)
def kind_of(name: str) -> Kind:
    """Return what a name means. Items of lists have an empty one."""
    if len(name) > _MAX_NAME_LENGTH:
        return Kind.OTHER
    plain = re.sub(r"[\W_]", "", name).lower()
    if _ERROR_NAMES.fullmatch(plain):
        return Kind.ERROR
    return next((kind for kind, names in _NAMES if plain in names), Kind.OTHER)


_NAMES: Final = (
    (Kind.ITEM, ("",)),
    (Kind.SUCCESS, _SUCCESS_NAMES),
    (Kind.STATUS, _STATUS_NAMES),
    (Kind.CONTAINER, _CONTAINER_NAMES),
    (Kind.EXECUTION_ERROR, _EXECUTION_ERROR_NAMES),
    (Kind.CODE, ("code",)),
    (Kind.MESSAGE, _MESSAGE_NAMES),
    (Kind.RECORD_TEXT, _RECORD_TEXT_NAMES),
)
