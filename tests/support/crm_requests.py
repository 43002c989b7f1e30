"""Requests to a CRM, as the delivery core renders them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from yarl import URL

from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.request_template import CrmRequest, RequestTemplate, RunFields
from engagement_jobs.crm_client.http_client import CrmHttpClient

ROOT = Path(__file__).resolve().parents[2]
RUN_FIELDS = RunFields("2026-11-23", "2026-11-23T03:10:00Z", "2026-11-01")
DEFAULT = (resources.files("engagement_jobs.crm_client.document") / "crm.json").read_text(encoding="utf-8")


def default_template(base_url: str) -> RequestTemplate:
    """Return the template of the default document."""
    return RequestTemplate.compile(CrmDocument.default(), base_url, RUN_FIELDS)


def example(name: str) -> CrmDocument:
    """Return an example document of the docs."""
    return CrmDocument.parse((ROOT / "docs" / "reference" / "crm-documents" / f"{name}.json").read_bytes())


TEMPLATE = default_template("https://crm.example.com")


def template_for(url: str, method: str = "POST") -> RequestTemplate:
    """Return the template of the default document for this URL instead of its path."""
    path = URL(url).raw_path
    document = dataclasses.replace(CrmDocument.default(), method=method, path=(path,))
    return RequestTemplate.compile(document, url.removesuffix(path), RUN_FIELDS)


def template(
    base_url: str = "https://crm.example.com",
    fields: RunFields = RUN_FIELDS,
    response: Mapping[str, Any] | None = None,
    **request: Any,
) -> RequestTemplate:
    """Return the template of the default document with changes.

    :param request: members of its request
    """
    document = json.loads(DEFAULT)
    document["request"] |= request
    document["response"] = response or {}
    return RequestTemplate.compile(CrmDocument.parse(json.dumps(document).encode()), base_url, fields)


def request_of(client: CrmHttpClient, key: str = "k", payload: bytes = b"{}") -> CrmRequest:
    """Return a request to the client's endpoint."""
    return CrmRequest(URL(client.template.endpoint, encoded=True), payload, key)
