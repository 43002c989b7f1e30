"""Only summaries and reports have an address, and an address leads to no other key."""

from __future__ import annotations

import pytest

from engagement.contract import s3_keys
from engagement.ui import run_keys
from engagement.ui.run_keys import RunLocation

RUN_IDS = ("scheduled__2026-11-23T03:00:00+00:00", "../../scores/x", "a custom id/ümlaut", "." * 250)
DIGEST = "0123abcd"


@pytest.mark.parametrize("run_id", RUN_IDS)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_location_leads_to_the_keys_of_the_run(run_id: str, dry_run: bool) -> None:
    keys = s3_keys.summary_prefix("2026-11-23", run_id, dry_run=dry_run)
    parsed = run_keys.from_object_key(f"{keys}.json")
    assert parsed is not None
    location, extension = parsed
    assert (extension, run_keys.from_object_key(f"{keys}.html")) == ("json", (location, "html"))
    assert (location.summary_key, location.report_key) == (f"{keys}.json", f"{keys}.html")
    assert location.is_dry_run is dry_run
    assert run_keys.from_url(*location.url_path.split("/")) == location


@pytest.mark.parametrize(
    "key",
    [
        s3_keys.latest_summary_key("2026-11-23"),
        "summaries/dt=2026-11-23/runs/x-0123abcd.css",
        "summaries/dt=2026-11-23/runs/x-0123abcd.json.bak",
        "summaries/dt=2026-11-23/runs/x.json",
        "summaries/dt=2026-11-23/runs/a/x-0123abcd.json",
        "summaries/dt=../runs/x-0123abcd.json",
        "dry_runs/x-0123abcd/_manifest.json",
        "dry_runs/x-0123abcd/deeper/summary.json",
        "scores/dt=2026-11-23/_manifest.json",
    ],
)
def test_other_keys_have_no_location(key: str) -> None:
    assert run_keys.from_object_key(key) is None


@pytest.mark.parametrize(
    ("folder", "run"),
    [
        ("2026-11-23", ".."),
        ("2026-11-23", f"../../x-{DIGEST}"),
        ("2026-11-23", f"..%2Fx-{DIGEST}"),
        ("2026-11-23", f"x/y-{DIGEST}"),
        ("2026-11-23", f"x\\y-{DIGEST}"),
        ("2026-11-23", f"x-{DIGEST}\n"),
        ("2026-11-23", f"x\x00-{DIGEST}"),
        ("2026-11-23", f"x-{DIGEST}.html"),
        ("2026-11-23", f"-{DIGEST}"),
        ("2026-11-23", "a" * 401 + f"-{DIGEST}"),
        ("2026-11-23\n", f"x-{DIGEST}"),
        ("\N{ARABIC-INDIC DIGIT TWO}026-11-23", f"x-{DIGEST}"),  # str.isdigit() accepts it, keys do not
        ("..", f"x-{DIGEST}"),
        ("", f"x-{DIGEST}"),
        ("scores", f"x-{DIGEST}"),
        ("dry_runs/..", f"x-{DIGEST}"),
    ],
)
def test_other_urls_have_no_location(folder: str, run: str) -> None:
    assert run_keys.from_url(folder, run) is None


@pytest.mark.parametrize(
    ("location", "date"),
    [
        (RunLocation("2026-11-23", "manual__2026-11-30T10-00-00-x-0123abcd"), "2026-11-23"),
        (RunLocation("dry_runs", "manual__2026-11-30T10-00-00-x-0123abcd"), "2026-11-30"),
        (RunLocation("dry_runs", "my-own-0123abcd"), None),
    ],
)
def test_the_date_of_a_location(location: RunLocation, date: str | None) -> None:
    assert location.date == date
