"""Metrics of the library about itself."""

from __future__ import annotations

from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.errors import export_errors_to

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
REJECTED_FAMILIES = Counter(
    "dreamos_client_rejected_families_total",
    "Families of this process that the service left out of a push that it took, by its reason.",
    ["reason"],
)
for _reason in ("too_many_series", "inconsistent"):
    REJECTED_FAMILIES.labels(_reason)
for _outcome in ("accepted", "stale", "refused", "failed"):
    PUSHES.labels(_outcome)
export_errors_to(ERRORS)
