"""The answer to a push, the same on both paths."""

from __future__ import annotations

from services.metrics.protocol.push import PushResult
from services.metrics.settings import Settings

NO_SNIFF = (b"x-content-type-options", b"nosniff")
"""A browser takes nothing that the service shows for a page or a script."""


def result_headers(result: PushResult) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell what became of a push."""
    headers = [(b"dreamos-result", result.outcome.encode())]
    if result.rejected:
        headers.append((b"dreamos-rejected", str(len(result.rejected)).encode()))
    if result.series_list:
        headers.append((b"dreamos-series-list", result.series_list.encode()))
    return headers


def rejected_text(result: PushResult) -> str:
    """Return the body of an answer: a line for each family that was not taken."""
    lines = (f"{each.name}: {each.reason}: {each.message}\n" for each in result.rejected)
    return "".join(lines)


def limits_header(settings: Settings) -> str:
    """Return the limits that a sender should keep to, for ``Dreamos-Limits``."""
    limits = {
        "series": settings.max_series,
        "labels": settings.max_labels,
        "label-name": settings.max_label_name,
        "label-value": settings.max_label_value,
        "metric-name": settings.max_metric_name,
        "body": settings.max_body_bytes,
    }
    return ", ".join(f"{name}={number}" for name, number in limits.items())
