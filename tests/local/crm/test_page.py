"""The page shows what was recorded, to those who log in, and what clients send stays text on it."""

import re
import time
from base64 import b64encode
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from local.crm.profiles import PROFILES
from local.crm.requestlog import RequestLog
from tests.local.crm.client import AUTHORIZED, TOKEN, Client


def get(crm: Client, path: str = "/", user: str = "crm", password: str = TOKEN) -> requests.Response:
    return requests.get(crm.url + path, auth=(user, password), timeout=10)


def figures(text: str) -> dict[str, str]:
    return dict(re.findall(r"<div><dt>([^<]*)</dt><dd>([^<]*)</dd></div>", text))


def rows(text: str) -> list[list[str]]:
    """Cells of the table of requests, as a reader sees them."""
    body = text.partition("<tbody>")[2]
    return [
        [unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in body.split("</tr>")[:-1]
    ]


class Tags(HTMLParser):
    """Every element of a page by name, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_figures_are_those_of_the_statistics(crm: Client) -> None:
    for n in range(3):
        crm.send(f"U{n}", "1.00", f"k{n}")
    crm.send("U0", "1.00", "k0")
    crm.send("U9", "wrong", "k9")
    found = figures(get(crm).text)
    assert found == {
        "Users with a score": "3",
        "Requests": "5",
        "Under way": "0",
        "Answered 200": "4",
        "Answered 422": "1",
        "No answer": "0",
        "Replayed": "1",
        "Repeated keys": "1",
        "Keys applied twice": "0",
    }


def test_the_newest_requests_come_first_and_are_twenty(crm: Client) -> None:
    for n in range(25):
        crm.send(f"U{n}", f"{n}.00", f"a-key-of-some-length-{n}")
    crm.send("U24", "24.00", "a-key-of-some-length-24")
    crm.send("U99", "wrong")
    found = rows(get(crm).text)
    assert [row[1] for row in found] == ["U99", "U24", *(f"U{n}" for n in range(24, 6, -1))]
    assert found[0][2:5] == ["wrong", "422", "-"]
    assert "engagement_score" in found[0][5]
    assert found[1][2:5] == ["24.00", "200 replayed", "a-key-of-som…"]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d", row[0]) for row in found)


def test_a_request_without_an_answer_says_so(crm: Client) -> None:
    crm.break_it(drop_before=True)
    with pytest.raises(requests.ConnectionError):
        crm.send("U1", "1.00")
    text = get(crm).text
    assert rows(text)[0][1:] == ["U1", "1.00", "no answer", "-", "-"]
    assert figures(text)["No answer"] == "1"


def test_the_chart_holds_every_recent_request(crm: Client) -> None:
    for n in range(7):
        crm.send(f"U{n}")
    counts = [int(count) for count in re.findall(r"<title>(\d+) at", get(crm).text)]
    assert (len(counts), sum(counts)) == (60, 7)


def test_the_chart_ends_with_the_last_request_when_none_is_recent(crm: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.send("U1")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3_600)
    counts = [int(count) for count in re.findall(r"<title>(\d+) at", get(crm).text)]
    assert counts[-2:] in ([0, 1], [1, 0])


def test_nothing_has_come_yet(crm: Client) -> None:
    text = get(crm).text
    assert "No request has come yet" in text
    assert rows(text) == []
    assert "Fault:" not in text


def test_the_fault_is_named(crm: Client) -> None:
    crm.ask("PUT", "/_crm/faults", data="503-half").raise_for_status()
    for n in range(4):
        crm.send(f"U{n}")
    text = unescape(get(crm).text)
    assert f"Fault: 503-half, {PROFILES['503-half'].what}" in text
    assert " of 4 requests met it" in text
    crm.break_it(status=500, for_users=["U1"])
    assert 'Fault: {"status": 500, "for_users": ["U1"]}' in unescape(get(crm).text)


def test_a_rotated_token_is_mentioned_and_the_first_one_still_opens_the_page(crm: Client) -> None:
    crm.ask("PUT", "/_crm/token", json={"token": "another"}).raise_for_status()
    answer = get(crm)
    assert "takes another token" in answer.text
    assert get(crm, password="another").status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !",
        "Basic Zoë",
        "Basic " + b64encode(TOKEN.encode()).decode(),  # a user without a password
        "Basic " + b64encode(f"{TOKEN}:".encode()).decode(),
        "Basic " + b64encode(f"crm:{TOKEN} ".encode()).decode(),
        "Bearer another",
        TOKEN,
    ],
)
def test_without_the_token_a_browser_is_asked_for_it(crm: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = requests.get(crm.url + "/", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="crm", charset="UTF-8"'
    assert "Users with" not in answer.text


@pytest.mark.parametrize(
    "headers", [AUTHORIZED, {"Authorization": "basic " + b64encode(f":{TOKEN}".encode()).decode()}]
)
def test_any_user_and_a_bearer_token_open_it(crm: Client, headers: dict[str, str]) -> None:
    assert requests.get(crm.url + "/", headers=headers, timeout=10).status_code == 200


def test_a_login_that_a_browser_sends_by_itself_changes_nothing(crm: Client) -> None:
    # A page elsewhere can make a browser POST with a login that it remembers, but never with a bearer token.
    crm.send("U1")
    assert requests.post(f"{crm.url}/_crm/reset", auth=("crm", TOKEN), timeout=10).status_code == 401
    assert crm.stats()["users"] == 1


def test_it_refreshes_unless_told_otherwise(crm: Client) -> None:
    def refreshing(path: str) -> list[dict[str, str | None]]:
        return [given for tag, given in Tags(get(crm, path).text).found if given.get("http-equiv") == "refresh"]

    assert [given["content"] for given in refreshing("/")] == ["3"]
    assert refreshing("/?still") == []


def test_only_get(crm: Client) -> None:
    answer = crm.ask("POST", "/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert crm.ask("HEAD", "/").status_code == 200


HOSTILE = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "'><svg onload=window.pwned=1>",
    "</td></tr></table><style>*{display:none}</style>",
    "{{7*7}}&lt;b&gt;\u202egnp.exe",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_clients_send_stays_text(crm: Client, text: str) -> None:
    plain = Tags(get(crm, "/?still").text).found
    crm.break_it(status=422, body=text, for_users=[text])
    crm.send(text, "1.00", key=text.encode("ascii", "replace").decode())
    crm.send("U1", text)
    answer = get(crm, "/?still")
    assert [row[1:3] for row in rows(answer.text)] == [["U1", text[:20] + "…"], [text, "1.00"]]
    assert rows(answer.text)[1][5] == text
    added = {tag for tag, _ in Tags(answer.text).found} - {tag for tag, _ in plain}
    assert added <= {"section", "h2", "td", "bdi", "svg", "rect", "title", "span", "div"}
    assert not [name for _, given in Tags(answer.text).found for name in given if name.startswith("on")]


def test_what_is_no_character_does_not_break_it(crm: Client) -> None:
    crm.send(
        data='{"user_id": "\\ud800", "engagement_score": ["\\u0000"]}', headers={"Content-Type": "application/json"}
    )
    assert rows(get(crm).text)[0][1] == "?"


def test_nothing_may_be_loaded_run_or_framed(crm: Client) -> None:
    answer = get(crm)
    policy = answer.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    tags: list[tuple[str, dict[str, Any]]] = Tags(answer.text).found
    assert not [tag for tag, given in tags if tag == "script" or "style" in given or "src" in given]
    assert TOKEN not in answer.text


def test_the_newest_of_a_log() -> None:
    log = RequestLog()
    assert log.newest(3) == []
    for n in range(5):
        log.add(f"U{n}", float(n), 200, None, None, None, None, "a\nbody", None, False)
        assert log.newest(1)[0]["user_id"] == f"U{n}"
    assert [one["user_id"] for one in log.newest(3)] == ["U4", "U3", "U2"]
    assert len(log.newest(99)) == 5
    log.add("U5", 5.0, 200, None, None, None, None, "", None, False)
    assert [one["user_id"] for one in log.of_user("U5")] == ["U5"]
    log.clear()
    assert log.newest(3) == []
    log.close()
