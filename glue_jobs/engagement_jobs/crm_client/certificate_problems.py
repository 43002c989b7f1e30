"""Problems with the CRM's TLS certificate that no retry solves."""

from __future__ import annotations

from typing import Final

CERTIFICATE_PROBLEMS: Final = {
    "tls_expired": "The TLS certificate of the CRM has expired or is not valid yet",
    "tls_unknown_ca": "The TLS certificate of the CRM is from a certificate authority that the job does not trust",
    "tls_missing_intermediate": "The CRM does not send the intermediate certificate of its TLS certificate",
    "tls_wrong_name": "The TLS certificate of the CRM is for another host name than that of base_url",
}
"""Sentence of each reason code, without the period at its end."""
