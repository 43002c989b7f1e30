from __future__ import annotations

import pytest

from engagement_jobs.contract.errors import SecretError
from engagement_jobs.crm_client.authentication import Credential


@pytest.mark.parametrize(
    "text", ["", "two\nlines", '{"token": ""}', '{"token": "t", "header": null}', '{"header": "X"}']
)
def test_invalid_secret_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(SecretError, match="CRM secret") as error:
        Credential.from_secret(text)
    assert "lines" not in str(error.value)


def test_bare_token_is_a_bearer_token() -> None:
    credential = Credential.from_secret(" t\n")
    assert (credential.header, credential.header_value()) == ("Authorization", "Bearer t")


def test_secret_may_name_its_header() -> None:
    credential = Credential.from_secret('{"token": "t", "header": "X-Api-Key", "scheme": ""}')
    assert (credential.header, credential.header_value()) == ("X-Api-Key", "t")
    assert "X-Api-Key" not in repr(credential)
