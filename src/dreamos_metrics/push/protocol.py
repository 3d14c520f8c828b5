"""Protocol of a push: its address, headers and content types."""

from __future__ import annotations

import base64
from urllib.parse import quote

from dreamos_metrics.push.http import Response

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
COMPACT = "application/vnd.dreamos.values"
SERIES_LIST = "Dreamos-Series-List"
LIMITS = "Dreamos-Limits"
REJECTED = "Dreamos-Rejected"
ENDED_AGO = "Dreamos-Ended-Ago"


def group_path(job: str, agent: str, incarnation: str) -> str:
    """Return the path of the URL to which an incarnation is pushed."""
    parts = ["/metrics"]
    for label, value in (("job", job), ("agent", agent), ("incarnation", incarnation)):
        # A segment of dots would be taken out on the way.
        if "/" in value or value in (".", ".."):
            coded = base64.urlsafe_b64encode(value.encode("utf-8", "replace")).decode("ascii")
            parts.append(f"{label}@base64/{coded}")
        else:
            parts.append(f"{label}/{quote(value, safe='', errors='replace')}")
    return "/".join(parts)


def common_headers(token: str) -> dict[str, str]:
    """Return the headers of every request."""
    headers = {"User-Agent": "dreamos-metrics"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def header(response: Response, name: str) -> str:
    """Return a header of a response, whatever its case; "" when it is missing."""
    wanted = name.lower()
    return next((v for k, v in response.headers.items() if k.lower() == wanted), "")
