"""The CRM document: how a score is sent, and how the responses are read.

It is a versioned JSON document; the default is next to this module. docs/reference/crm-document.md describes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from engagement_jobs.contract.errors import CrmDocumentError
from engagement_jobs.contract.json_document import load_object
from engagement_jobs.crm_client.document import placeholders
from engagement_jobs.crm_client.document.placeholders import Template
from engagement_jobs.crm_client.document.request_faults import request_faults
from engagement_jobs.crm_client.document.response_faults import response_faults
from engagement_jobs.crm_client.document.responses import DeclaredResponses, split_pointer

_KEYS: Final = ("version", "request", "response")
_MAX_FAULT_LENGTH: Final = 400


@dataclass(frozen=True)
class IdempotencyHeader:
    """The header that carries the idempotency key.

    :param quoted: the key is a quoted string (a structured field, as the IETF draft wants)
    """

    name: str
    quoted: bool


@dataclass(frozen=True)
class CrmDocument:
    """A CRM document.

    :param sha256: of the document's bytes, in hex
    :param path: template of path and query
    :param headers: static headers, by name
    :param body: template of the body's JSON text
    :param idempotency_header: None if the CRM has none
    :param responses: None if the built-in rules apply
    """

    version: str
    sha256: str
    method: str
    path: Template
    headers: tuple[tuple[str, str], ...]
    body: Template
    idempotency_header: IdempotencyHeader | None
    responses: DeclaredResponses | None

    @classmethod
    def default(cls) -> CrmDocument:
        """Return the document in the job archive."""
        return cls.parse((resources.files("engagement_jobs.crm_client.document") / "crm.json").read_bytes())

    @classmethod
    def parse(cls, document: bytes) -> CrmDocument:
        """Parse and validate a document.

        :raises CrmDocumentError: lists every fault
        """
        try:
            parsed = load_object(document)
        except ValueError as error:
            raise CrmDocumentError(f"invalid CRM document: {_shorten(str(error))}") from error
        faults = [_shorten(fault) for fault in _find_faults(parsed)]
        if faults:
            raise CrmDocumentError(f"invalid CRM document: {'; '.join(faults)}")
        request, header = parsed["request"], parsed["request"]["idempotency_header"]
        return cls(
            version=parsed["version"],
            sha256=hashlib.sha256(document).hexdigest(),
            method=request["method"],
            path=placeholders.parse_text(request["path"]),
            headers=tuple(request.get("headers", {}).items()),
            body=placeholders.parse_json(request["body"]),
            idempotency_header=header and IdempotencyHeader(header["name"], quoted=header["form"] == "quoted"),
            responses=_responses(parsed["response"]) if parsed.get("response") else None,
        )


def _find_faults(document: dict[str, Any]) -> Iterator[str]:
    yield from (f"unknown key {key}, expected only {', '.join(_KEYS)}" for key in document if key not in _KEYS)
    version = document.get("version")
    if not isinstance(version, str) or not version.strip() or not version.isprintable():
        yield f"version is {version!r}, expected a non-empty string of printable characters"
    yield from request_faults(document.get("request"))
    yield from response_faults(document.get("response", {}))


def _shorten(fault: str) -> str:
    """Return a fault that can be logged, without the middle of a long value: what is expected comes last."""
    fault = fault.encode(errors="backslashreplace").decode()  # a key may be half of a surrogate pair
    half = _MAX_FAULT_LENGTH // 2
    return fault if len(fault) <= _MAX_FAULT_LENGTH else f"{fault[:half]} ... {fault[-half:]}"


def _responses(response: dict[str, Any]) -> DeclaredResponses:
    success = response.get("success", {})
    return DeclaredResponses(
        success=frozenset(success["statuses"]) if "statuses" in success else None,
        pointer=split_pointer(success["pointer"]) if "pointer" in success else None,
        values=tuple(success.get("values", ())),
        final=frozenset(response.get("final", ())),
        pushback=frozenset(response.get("pushback", ())),
    )
