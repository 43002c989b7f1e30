from __future__ import annotations

import pytest

from engagement_jobs.contract.errors import SecretError
from engagement_jobs.crm_client.authentication import Credential


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", 'a text in which "token" is empty'),
        (" \n", 'a text in which "token" is empty'),
        ("hush\nhush", 'a text in which "token" has line breaks or control characters'),
        ("hush\x00", 'a text in which "token" has line breaks or control characters'),
        ('{"token": "hush"', "a text that begins like JSON and does not parse"),
        ("{'token': 'hush'}", "a text that begins like JSON and does not parse"),
        ("{hush}", "a text that begins like JSON and does not parse"),
        ('["hush"]', "JSON that is an array"),
        ('"hush"', "JSON that is a string"),
        ('{"hush": "hush"}', 'a JSON object without "token"'),
        ('{"Token": "hush", "header": "X"}', 'a JSON object without "token"'),
        ('{"token": ""}', 'a JSON object in which "token" is empty'),
        ('{"token": 17}', 'a JSON object in which "token" is a number'),
        ('{"token": {"value": "hush"}}', 'a JSON object in which "token" is an object'),
        ('{"token": "hush", "header": null}', 'a JSON object in which "header" is null'),
        ('{"token": "hush", "header": "X Key: "}', 'a JSON object in which "header" is not the name of a header'),
        ('{"token": "hush", "scheme": true}', 'a JSON object in which "scheme" is a boolean'),
    ],
)
def test_invalid_secret_is_described_without_its_text(text: str, got: str) -> None:
    with pytest.raises(SecretError) as error:
        Credential.from_secret(text)
    assert str(error.value) == (
        'expected the CRM secret to be a bare token or a JSON object {"token": "...", "header": "...", "scheme": "..."}'
        f" of printable text, got {got}"
    )
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_bare_token_is_a_bearer_token() -> None:
    credential = Credential.from_secret(" t\n")
    assert (credential.header, credential.header_value()) == ("Authorization", "Bearer t")


def test_secret_may_name_its_header() -> None:
    credential = Credential.from_secret('{"token": "t", "header": "X-Api-Key", "scheme": ""}')
    assert (credential.header, credential.header_value()) == ("X-Api-Key", "t")
    assert "X-Api-Key" not in repr(credential)
