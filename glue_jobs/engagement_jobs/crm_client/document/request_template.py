"""The requests of a run, rendered from a CRM document."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Self
from urllib.parse import quote

from yarl import URL

from engagement_jobs.crm_client.document import placeholders
from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.placeholders import Field, Template
from engagement_jobs.crm_client.score_update import ScoreUpdate, idempotency_key


@dataclass(frozen=True)
class RunFields:
    """Fields of a request with one value in a run.

    :param score_date: date as `YYYY-MM-DD`
    :param scored_at: UTC time such as 2026-11-23T03:00:00Z
    :param weights_version: version of the weights document
    """

    score_date: str
    scored_at: str
    weights_version: str


@dataclass(slots=True)  # frozen would take three times as long, once per user
class CrmRequest:
    """One user's request.

    :param payload: the body
    :param key: idempotency key
    """

    url: URL
    payload: bytes
    key: str


@dataclass(frozen=True)
class RequestTemplate:
    """How a run sends the score of a user.

    It is the same for all users, and sent to the executors.

    :param endpoint: normalized URL with the path template, without values; a part of every idempotency key
    :param shape: hash of method, path and body without the users' values; a CRM that knows a key accepts it only with
        the same shape
    :param user_in_path: the path of the URL depends on the user id; a query may
    :param score_in_path: the URL depends on the score
    :param key_in_body: the payload contains the idempotency key
    :param url_format: format of the URL
    :param body_format: format of the payload
    :param url: the URL of all requests, None if it depends on the user
    """

    document: CrmDocument
    endpoint: str
    shape: str
    score_date: str
    user_in_path: bool
    score_in_path: bool
    key_in_body: bool
    url_format: str
    body_format: str
    url: URL | None

    @classmethod
    def compile(cls, document: CrmDocument, base_url: str, fields: RunFields) -> Self:
        """Fill in what is the same for all users.

        :param base_url: as parsed by the job's arguments
        """
        path = placeholders.fill(document.path, vars(fields), _in_url)
        body = placeholders.fill(document.body, vars(fields), _in_json)
        used = placeholders.names(path)
        url = _with_base(base_url, path)
        return cls(
            document=document,
            endpoint="".join(map(_show, _with_base(base_url, document.path))),
            shape=_hash(document.method, *("".join(map(_mark, template)) for template in (path, body))),
            score_date=fields.score_date,
            user_in_path="user_id" in placeholders.names(tuple(_before_query(path))),
            score_in_path="score" in used,
            key_in_body="idempotency_key" in placeholders.names(body),
            url_format=placeholders.to_format(url),
            body_format=placeholders.to_format(body),
            url=None if used else URL("".join(map(_show, url)), encoded=True),
        )

    def render(self, update: ScoreUpdate) -> CrmRequest:
        """Return the request of a user.

        The idempotency key is computed over the payload without it. If the path has the score, the key covers that too.
        """
        user_id = _in_json(update.user_id)
        payload = self.body_format.format(user_id, update.score, "").encode()
        key = update.stored_key
        if key is None:
            content = payload + f"\0{update.score}".encode() if self.score_in_path else payload
            key = idempotency_key(self.endpoint, self.score_date, update, content)
        if self.key_in_body:
            payload = self.body_format.format(user_id, update.score, key).encode()
        url = self._url_of(update, key) if self.url is None else self.url
        return CrmRequest(url, payload, key)

    def _url_of(self, update: ScoreUpdate, key: str) -> URL:
        return URL(self.url_format.format(_in_url(update.user_id), update.score, key), encoded=True)


def _with_base(base_url: str, path: Template) -> Template:
    """Return the template of a URL, normalized up to the first placeholder; the path begins with a slash.

    Scheme and host are in lower case, a host in IDNA form, without the default port, and percent-encoding only where
    it is necessary: the URL that the client requests is the same for every spelling of one endpoint.
    """
    start = str(URL(f"{base_url}{path[0]}"))
    if len(path) > 1 and str(path[0]).endswith("?"):
        start += "?"  # a URL is normalized without an empty query, but here a placeholder follows
    return (start, *path[1:])


def _before_query(path: Template) -> Iterator[str | Field]:
    return itertools.takewhile(lambda piece: isinstance(piece, Field) or "?" not in piece, path)


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _in_json(value: str) -> str:
    return encode_basestring(value)[1:-1]


def _show(piece: str | Field) -> str:
    return piece if isinstance(piece, str) else f"{{{piece.name}}}"


def _mark(piece: str | Field) -> str:
    """Return a piece for the hash: no literal text contains the zeros."""
    return piece if isinstance(piece, str) else f"\0{piece.name}\0"


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0\0".join(texts).encode()).hexdigest()
