"""Types of the settings: which values are valid, and the phrase that an error message uses for them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema

from engagement.contract.base_url import check_host_and_port
from engagement.contract.expected import Expected
from engagement.contract.network import NO_PROXY_FORM, PROXY_URL_FORM, check_no_proxy, check_proxy_url
from engagement.contract.s3_keys import ACTIVITY_KEY_FORM, ACTIVITY_KEY_PATTERN, check_activity_key


def _full_match(pattern: str) -> str:
    """Return a pattern that must match from end to end."""
    return f"^(?:{pattern})$"


def _reject_reserved(namespace: str) -> str:
    if namespace.startswith("AWS/"):
        raise ValueError("reserved")
    return namespace


def _check_base_url(url: str) -> str:
    # A password must not be quoted in an error message; check_activity refuses such a URL without quoting it.
    if urlsplit(url).username is None:
        check_host_and_port(url)
    return url.rstrip("/")


def _check_activity_key(pattern: str) -> str:
    check_activity_key(pattern)
    return pattern


def _check_proxy_url(url: str) -> str:
    if url:
        check_proxy_url(url)
    return url


def _check_no_proxy(hosts: str) -> str:
    check_no_proxy(hosts)
    return hosts


Fraction = Annotated[float, Field(ge=0, le=1)]
BucketName = Annotated[
    str, Field(pattern=_full_match("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")), Expected("the name of an S3 bucket")
]
JobName = Annotated[str, Field(pattern=_full_match("[A-Za-z0-9_.-]{1,255}")), Expected("the name of a Glue job")]
ActivityKey = Annotated[
    str,
    AfterValidator(_check_activity_key),
    WithJsonSchema({"type": "string", "pattern": _full_match(ACTIVITY_KEY_PATTERN)}),
    Expected(ACTIVITY_KEY_FORM),
]
BaseUrl = Annotated[
    str,
    Field(pattern=_full_match(r"[Hh][Tt][Tt][Pp][Ss]?://\S+")),
    AfterValidator(_check_base_url),
    Expected(
        "a URL without the path of the API, valid host, port (if any) 1 to 65535, such as https://crm.example.com"
    ),
]
SecretId = Annotated[
    str, Field(pattern=_full_match(r"[\w/+=.@:!-]+"), max_length=2048), Expected("the name or ARN of a secret")
]
DocumentUri = Annotated[
    str,
    Field(pattern=_full_match(r"default|s3://[^/\s]+/\S+")),
    Expected("default, or the s3:// URI of a JSON document"),
]
ProxyUrl = Annotated[str, AfterValidator(_check_proxy_url), Expected(f"{PROXY_URL_FORM}; or empty")]
NoProxy = Annotated[str, AfterValidator(_check_no_proxy), Expected(f"{NO_PROXY_FORM}; or empty")]
CaUri = Annotated[
    str,
    Field(pattern=_full_match(r"(s3://[^/\s]+/\S+)?")),
    Expected("the s3:// URI of a file of PEM certificates, or empty"),
]
ReportUrl = Annotated[
    str, Field(pattern=_full_match(r"(https?://\S*\{key\}\S*)?")), Expected("a URL that contains {key}, or empty")
]
TopicArn = Annotated[
    str,
    Field(pattern=_full_match("(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})?")),
    Expected("the ARN of a standard SNS topic, or empty"),
]
MetricsNamespace = Annotated[
    str,
    Field(pattern=_full_match("([A-Za-z0-9_.#/-][A-Za-z0-9_.#/: -]{0,254})?")),
    AfterValidator(_reject_reserved),
    Expected("a CloudWatch namespace that does not start with AWS/, or empty"),
]
