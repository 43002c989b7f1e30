"""Rendering of requests and idempotency keys from a CRM document."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.crm_client.document.request_template import RequestTemplate, RunFields
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.push.attempts import DEFAULT_SHAPE
from tests.support.crm_requests import RUN_FIELDS, TEMPLATE, template
from tests.support.job_arguments import PUSH

UPDATE = ScoreUpdate("U1", "73.25", 0)
KEY = "ce6c03d8a04e00e42ad55c5eb4068264ccb14ad3803efebf4d93084a44cf4e65"


def key(base_url: str) -> str:
    """Return the idempotency key of a user if the job has this argument."""
    arguments = PushArguments.parse({**PUSH, "base_url": base_url, "allow_http": "true"})
    return template(arguments.base_url).render(UPDATE).key


@pytest.mark.parametrize(
    "base_url",
    [
        "https://crm.example.com",
        "https://crm.example.com/",
        "https://crm.example.com//",
        "https://crm.example.com:443",
        "https://crm.example.com:443/",
        "https://CRM.Example.COM",
        "HTTPS://crm.example.com",
    ],
)
def test_key_is_the_same_however_base_url_is_spelled(base_url: str) -> None:
    # The value is fixed, because a key that changes with a release would make a resumed run send twice.
    assert key(base_url) == KEY


@pytest.mark.parametrize(
    ("base_url", "same"),
    [
        ("http://crm.example.com/~v1", "http://crm.example.com:80/%7ev1/"),
        ("https://crm.example.com/a%2Fb", "https://crm.example.com/a%2fb"),
        ("https://crm.example.com/%C3%BC", "https://crm.example.com/\u00fc"),
        ("https://crm.example.com/v2", "https://crm.example.com/v1/../v2"),
        ("https://xn--bcher-kva.example", "https://B\u00dcCHER.example"),
        ("https://[::1]:8443", "https://[0:0::0001]:8443"),
    ],
)
def test_equivalent_urls_have_one_key(base_url: str, same: str) -> None:
    assert key(base_url) == key(same)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://crm.example.com",
        "https://crm.example.com:8443",
        "https://crm2.example.com",
        "https://crm.example.com/v2",
        "https://crm.example.com/V2",
        "https://crm.example.com/a%2Fb",
    ],
)
def test_another_endpoint_has_another_key(base_url: str) -> None:
    others = ["https://crm.example.com", "https://crm.example.com/a/b", "https://crm.example.com/v3"]
    assert key(base_url) not in map(key, others)


@pytest.mark.parametrize(
    ("update", "fields"),
    [
        (UPDATE, RunFields("2026-11-24", "2026-11-23T03:10:00Z", "1")),
        (ScoreUpdate("U1", "73.25", 1), RUN_FIELDS),
        (ScoreUpdate("U1", "73.26", 0), RUN_FIELDS),
        (ScoreUpdate("U2", "73.25", 0), RUN_FIELDS),
    ],
)
@pytest.mark.parametrize(
    "request_part",
    [{}, {"path": "/u/{user_id}", "body": {"s": "{score}"}}, {"path": "/u/{user_id}/{score}", "body": 1}],
)
def test_key_differs_for_another_delivery(update: ScoreUpdate, fields: RunFields, request_part: dict[str, Any]) -> None:
    first = template(**request_part).render(UPDATE)
    assert first.key != template(fields=fields, **request_part).render(update).key
    assert first == template(**request_part).render(UPDATE)


def test_the_default_request_never_changes() -> None:
    # Recorded before there was a document.
    request = TEMPLATE.render(ScoreUpdate('J\u00f6rg "x"\n', "73.25", 0))
    assert request.payload == b'{"user_id": "J\xc3\xb6rg \\"x\\"\\n", "engagement_score": "73.25"}'
    assert request.key == "cfbf52b2a89f7257383b8c0e2c466d7a22ad2dfc90d52d76758a9c0bd034fcf4"
    assert TEMPLATE.render(UPDATE).key == KEY
    assert str(request.url) == "https://crm.example.com/api/v1/update-score"
    assert TEMPLATE.shape == DEFAULT_SHAPE


@pytest.mark.parametrize("base_url", ["https://crm.example.com", "https://moved.example.com/x"])
def test_a_user_in_doubt_keeps_its_key(base_url: str) -> None:
    update = ScoreUpdate("U1", "73.25", 3, in_doubt=True, stored_key="k1")
    assert template(base_url).render(update).key == "k1"


@given(st.text(min_size=1))
def test_payload_contains_any_user_id_unchanged(user_id: str) -> None:
    payload = TEMPLATE.render(ScoreUpdate(user_id, "0.00", 0)).payload
    assert json.loads(payload) == {"user_id": user_id, "engagement_score": "0.00"}


@given(st.text(min_size=1))
def test_url_contains_any_user_id_as_one_segment(user_id: str) -> None:
    url = template(path="/u/{user_id}/s?by={user_id}").render(ScoreUpdate(user_id, "0.00", 0)).url
    assert (url.host, url.raw_path.count("/"), url.fragment) == ("crm.example.com", 3, "")
    assert url.query["by"] == user_id
    assert url.raw_path.split("/")[2] == url.raw_query_string.removeprefix("by=")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{score:number}", "73.25"),
        ("{score}", '"73.25"'),
        ({"a": ["{score:number}", 1, None, True, 1.5, "x"]}, '{"a": [73.25, 1, null, true, 1.5, "x"]}'),
        ({"b": {}, "c": [], "": {"d": [[]]}}, '{"b": {}, "c": [], "": {"d": [[]]}}'),
        ({"a": "{{user}} is {user_id}: {score} %s %(user_id)s %"}, '{"a": "{user} is U1: 73.25 %s %(user_id)s %"}'),
        ('quote " and \u00fc, {score_date}', '"quote \\" and \u00fc, 2026-11-23"'),
        ("{scored_at} {weights_version}", '"2026-11-23T03:10:00Z 2026-11-01"'),
    ],
)
def test_any_body_is_rendered_as_json(body: Any, expected: str) -> None:
    rendered = template(body=body, path="/{user_id}/{score}").render(UPDATE).payload.decode()
    assert rendered == expected
    json.loads(rendered)


@pytest.mark.parametrize("score", ["0.00", "73.25", "100.00"])
def test_score_is_a_number_with_its_decimals(score: str) -> None:
    payload = template(body={"u": "{user_id}", "s": "{score:number}"}).render(ScoreUpdate("U1", score, 0)).payload
    assert payload == f'{{"u": "U1", "s": {score}}}'.encode()


def test_the_key_in_the_body_is_computed_without_it() -> None:
    event = {"id": "{idempotency_key}", "user": "{user_id}", "score": "{score}"}
    request = template(body=event).render(UPDATE)
    assert json.loads(request.payload) == {"id": request.key, "user": "U1", "score": "73.25"}
    assert request.key == template(body=event | {"id": ""}).render(UPDATE).key
    stored = ScoreUpdate("U1", "73.25", 0, in_doubt=True, stored_key="k1")
    assert json.loads(template(body=event).render(stored).payload)["id"] == "k1"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a?{user_id}", "/a?U1"),
        ("/?{user_id}&b", "/?U1&b"),
        ("/a?{user_id}={score}", "/a?U1=73.25"),
    ],
)
def test_a_query_may_begin_with_a_field(path: str, expected: str) -> None:
    url = template(path=path).render(UPDATE).url
    assert str(url) == f"https://crm.example.com{expected}"


@pytest.mark.parametrize(
    ("path", "is_in_path"),
    [
        ("/u/{user_id}", True),
        ("/u/{user_id}?by=id", True),
        ("/{score}/{user_id}?{score}", True),
        ("/u?by={user_id}", False),
        ("/{score}?by=id&id={user_id}", False),
        ("/u", False),
    ],
)
def test_a_user_id_in_the_query_is_not_in_the_path(path: str, *, is_in_path: bool) -> None:
    assert template(path=path).user_in_path is is_in_path


def test_the_key_may_be_in_the_path() -> None:
    request = template(path="/events/{idempotency_key}/{score_date}").render(UPDATE)
    assert request.url.path == f"/events/{request.key}/2026-11-23"


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"headers": {"X-Source": "a"}, "idempotency_header": {"name": "K", "form": "raw"}}, True),
        ({"base_url": "https://moved.example.com"}, True),
        ({"method": "PUT"}, False),
        ({"path": "/api/v2/update-score"}, False),
        ({"body": {"user_id": "{user_id}", "engagement_score": "{score:number}"}}, False),
        ({"body": {"user_id": "{user_id}", "engagement_score": "{score}", "by": "job"}}, False),
    ],
)
def test_shape_is_that_of_method_path_and_body(change: dict[str, Any], *, is_same: bool) -> None:
    assert (template(**change).shape == DEFAULT_SHAPE) is is_same


def test_shape_includes_what_is_the_same_in_a_run() -> None:
    body = {"u": "{user_id}", "s": "{score}", "at": "{scored_at}"}
    other = RunFields("2026-11-23", "2026-11-23T09:00:00Z", "2026-11-01")
    assert template(body=body).shape == template(body=body | {"at": RUN_FIELDS.scored_at}).shape
    assert template(body=body).shape != template(body=body, fields=other).shape
    assert template(body=body).endpoint == template(body=body, fields=other).endpoint


def test_a_template_can_be_sent_to_the_executors() -> None:
    original = template(path="/u/{user_id}")
    copy: RequestTemplate = pickle.loads(pickle.dumps(original))  # noqa: S301 - written by this test
    assert (copy, copy.render(UPDATE)) == (original, original.render(UPDATE))
