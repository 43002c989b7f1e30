"""Names of request headers that an operator chooses."""

from __future__ import annotations

import re
from typing import Final

HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)
CONNECTION_HEADERS: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "accept-encoding", "connection", "keep-alive"),
        *("te", "trailer", "upgrade", "expect"),
    }
)
"""Headers that the HTTP client sets, in lower case."""
