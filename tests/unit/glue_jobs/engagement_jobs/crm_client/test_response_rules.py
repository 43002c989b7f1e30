from __future__ import annotations

import pytest

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client import error_translation
from engagement_jobs.crm_client.response_classification import classify_failure
from engagement_jobs.crm_client.response_rules import FAILURE_RULES, RULES, Action, FailureRule, Finding

CERTIFICATE_REASONS = {"tls_expired", "tls_unknown_ca", "tls_missing_intermediate", "tls_wrong_name"}
REFUSED_REASONS = {*CERTIFICATE_REASONS, "tls_client_certificate", "proxy_auth"}


def test_every_rule_matches_a_response_first() -> None:
    used = {
        next(rule for rule in RULES if status in rule.statuses and rule.finding in (None, finding))
        for status in range(100, 600)
        for finding in Finding
    }
    assert used == set(RULES)


@pytest.mark.parametrize("rule", [*RULES, *FAILURE_RULES], ids=lambda rule: rule.evidence)
def test_every_rule_has_words_for_the_documentation(rule: FailureRule) -> None:
    assert rule.verdict.startswith(f"{rule.outcome}; ")


def test_every_reason_without_a_response_has_a_rule() -> None:
    reasons = {reason for _, reason in (*error_translation.UNSENT, *error_translation.AMBIGUOUS)}
    assert {rule.reason for rule in FAILURE_RULES} == reasons | {"reset", "proxy"} | REFUSED_REASONS


@pytest.mark.parametrize("rule", FAILURE_RULES, ids=lambda rule: rule.reason)
def test_outcome_without_a_response_is_that_of_its_rule(rule: FailureRule) -> None:
    is_ambiguous = rule.reason in {"timeout", "reset", "malformed"}
    classification = classify_failure(AmbiguousError(rule.reason) if is_ambiguous else UnsentError(rule.reason))
    assert (classification.outcome, classification.reason) == (rule.outcome, rule.reason)
    assert (classification.action is Action.REFUSE) == (rule.reason in REFUSED_REASONS)
