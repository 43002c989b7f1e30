"""A fault as text: the name of a profile or a JSON object, and the error messages for invalid ones."""

import json
from dataclasses import asdict

import pytest

from local.fake_crm.fault_profiles import PROFILES, read_fault
from local.fake_crm.faults import NO_FAULT, Fault
from tests.local.fake_crm.client import Client


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"status": 503, "faction": 0.5}', "unknown faction"),
        ('{"status": "503"}', "status is '503', expected an integer from 200 to 599"),
        ('{"status": true}', "status is True"),
        ('{"status": 199}', "status is 199"),
        ('{"status": 503, "fraction": 1.5}', "fraction is 1.5, expected a number from 0 to 1"),
        ('{"status": 503, "first": 0}', "first is 0"),
        ('{"status": 503, "for_users": "U1"}', "for_users is 'U1', expected a list of strings"),
        ('{"status": 503, "headers": {"Location": "/a\\r\\nSet-Cookie: b"}}', "headers is"),
        ('{"latency_ms": NaN}', "latency_ms is nan"),
        ('{"fraction": 0.5}', "has no effect"),
        ('{"down": false}', "has no effect"),
        ('{"latency_ms": 1e999}', "latency_ms is inf"),
        ('{"answer_after_ms": -1}', "answer_after_ms is -1, expected a number of milliseconds"),
        ('{"down": true, "seconds": 0}', "seconds is 0, expected a number from 0.001 to 1e+09"),
        ('{"seconds": 5}', "has no effect"),
        (
            '{"status": 429, "retry_after_date": "soon"}',
            "is 'soon', expected an integer from 0 to 1e+09",
        ),
        ('{"status": 429, "retry_after_date": 1, "retry_after_form": "iso8601"}', "expected one of http, epoch, iso"),
        ('{"status": 429, "retry_after_date": -1}', "retry_after_date is -1"),
        ('{"status": 429, "retry_after": 1, "retry_after_date": 1}', "got both"),
        ('{"slots": 0}', "slots is 0, expected an integer from 1 to 1e+09"),
        ('{"slots": 1.5}', "slots is 1.5"),
        ('{"rate": 0}', "rate is 0, expected a number from 0.001 to 1e+09"),
        ('{"rate": 1, "burst": 0.5}', "burst is 0.5"),
        ('{"status": 503, "burst": 2}', "burst requires rate"),
        ('{"answers": []}', "answers is [], expected a list of some of no-reason, "),
        ('{"answers": ["polite"]}', "answers is ['polite']"),
        ('{"answers": ["lf"], "status": 200}', "expected answers or status and body, got both"),
        ('{"quota": 0}', "quota is 0"),
        ('{"quota": 1, "quota_headers": "y"}', "is 'y', expected one of draft, fields, x, x-epoch, hubspot, none"),
        ('{"quota": 1, "over_limit": "429"}', "over_limit is '429', expected one of no-reason, "),
        ('{"status": 429, "over_limit": "hubspot-429"}', "over_limit requires rate or quota"),
        ('{"every_user": 2}', "has no effect"),
        ('{"close_after_ms": -1}', "close_after_ms is -1"),
        ("[]", "expected a JSON object or one of latency-50ms, "),
        ("", "got ''"),
        ("outage-31s", "timeout-after, answers-204"),
        ("{", "not valid JSON"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_an_invalid_fault_is_rejected_and_the_old_one_stays(crm: Client, text: str | bytes, says: str) -> None:
    with pytest.raises(ValueError, match=r"^faults: ") as error:
        read_fault(text)
    assert says in str(error.value)
    crm.switch_fault(status=418)
    response = crm.request("PUT", "/_crm/faults", data=text)
    assert response.status_code == 400
    assert says in response.json()["detail"]
    assert crm.send().status_code == 418


def test_every_member_can_be_set_in_json() -> None:
    text = """{"status": 500, "body": {"a": 1}, "content_type": "text/x", "headers": {"A": "b"}, "retry_after": 1,
        "answer_after_ms": 1, "slots": 1, "rate": 0.5, "burst": 1, "seconds": 0.5,
        "latency_ms": 0.5, "drop_before": true, "drop_after": true, "down": true, "revoked": true,
        "after_applying": true, "stored": true, "fraction": 0.5, "after": 1, "first": 2,
        "for_users": ["U1"], "every_user": 2, "seed": 3, "silent": true, "close_after_ms": 5,
        "quota": 1, "quota_seconds": 2, "quota_headers": "x", "over_limit": "hubspot-429"}"""
    fault = read_fault(text)
    unset = [name for name in Fault.__slots__ if getattr(fault, name) == getattr(NO_FAULT, name)]
    assert unset == ["answers", "retry_after_date", "retry_after_form"]
    fault = read_fault('{"status": 429, "retry_after_date": 4, "retry_after_form": "iso"}')
    assert (fault.retry_after_date, fault.retry_after_form) == (4, "iso")
    assert read_fault('{"answers": ["gzip", "lf"]}').answers == ("gzip", "lf")


@pytest.mark.parametrize(
    "text",
    [
        '{"status": 500}', '{"body": ""}', '{"retry_after": 0}', '{"retry_after_date": 0}', '{"latency_ms": 1}',
        '{"answer_after_ms": 1}', '{"slots": 1}', '{"rate": 1}', '{"drop_before": true}', '{"drop_after": true}',
        '{"down": true}', '{"revoked": true}', '{"silent": true}', '{"close_after_ms": 0}', '{"answers": ["lf"]}',
        '{"quota": 1}',
    ],
)  # fmt: skip
def test_one_effect_is_enough(text: str) -> None:
    assert read_fault(text) != NO_FAULT


def test_a_profile_is_read_by_name() -> None:
    assert read_fault("503-half") == read_fault(b" 503-half\n") == Fault(status=503, fraction=0.5)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_can_be_written_as_json(name: str) -> None:
    fault = PROFILES[name].fault
    assert read_fault(name) == read_fault(json.dumps(asdict(fault))) == fault


def test_each_profile_has_a_one_line_description() -> None:
    descriptions = {profile.what for profile in PROFILES.values()}
    assert len(descriptions) == len(PROFILES)
    assert all(what and what.isprintable() and len(what) <= 80 for what in descriptions)


def test_a_profile_is_switched_on_by_name(crm: Client) -> None:
    shown = crm.request("PUT", "/_crm/faults", data="unknown-all").json()
    assert shown == {"faults": asdict(PROFILES["unknown-all"].fault), "matched": 0, "hit": 0}
    assert crm.send().status_code == 404
