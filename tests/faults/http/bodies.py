"""Bodies: the content decides, not the label, and what cannot be read is unknown."""

from __future__ import annotations

from tests.faults.http.expectations import ONE_IN_100, USERS, delivered, scenario, some, split
from tests.faults.scenario import Expected, Range, Scenario, at_most

SCENARIOS: tuple[Scenario, ...] = (
    scenario("mislabeled", "JSON and text labeled as HTML, UTF-16, empty bodies", delivered()),
    scenario("answers-207", "2 % get 207 whose body names a failure", split("rejected", 0.02)),
    scenario("success-false", '2 % get 200 with {"success": false}', split("rejected", 0.02)),
    scenario(
        "failures-disguised",
        "2 % get 200 with a failure behind a BOM, in UTF-16, in fields such as HasErrors",
        split("rejected", 0.02),
    ),
    scenario("answers-html", "2 % get 200 with a foreign HTML page", delivered(1.1)),
    scenario("unreadable", "2 % get 200 with HTML, error text, half a JSON or 2 MiB", delivered(1.1)),
    scenario(
        "unreadable-users",
        "1 in 100 users always gets 200 that cannot be read",
        some("unknown", ONE_IN_100, 4, seconds=at_most(30)),
        {"fraction": 1.0, "every_user": 100},
        "unreadable",
    ),
    scenario("lambda-errors", "API Gateway: 2 % get 502, 504 or 200 with errorMessage", delivered(1.1)),
    scenario(
        "flask-errors",
        "Flask: 1 % get its 404 page, 1 % its 500 page; max_failed_fraction is 0.02",
        # A user who gets the 404 after a 500 stays unknown.
        Expected({**split("rejected", 0.01).outcomes, "unknown": Range(0, 3)}, Range(USERS, 1.1 * USERS)),
        max_failed_fraction="0.02",
    ),
    scenario(
        "stored-500", "0.5 % get a 500 that is stored under the key and replayed", split("unknown", 0.005, posts=1.02)
    ),
)
