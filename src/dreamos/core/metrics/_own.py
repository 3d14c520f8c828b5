"""The library's figures about itself."""

from __future__ import annotations

from dreamos.core.metrics._counter import Counter
from dreamos.core.metrics._errors import count_errors_in

ERRORS = Counter(
    "dreamos_client_errors_total",
    "Errors inside the metrics library, which never reach the agent, by reason.",
    ["reason"],
)
PUSHES = Counter(
    "dreamos_client_pushes_total",
    "Pushes of this process: accepted, stale, refused by the service, or failed on the way.",
    ["outcome"],
)
for _outcome in ("accepted", "stale", "refused", "failed"):
    PUSHES.labels(_outcome)
count_errors_in(ERRORS)
