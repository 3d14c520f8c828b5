"""The limits of a scrape in Prometheus, as they follow from those of the service.

A scrape that is over one of them is dropped as a whole. So each is what the service can show at
most, and no push that it takes reaches one. `tools/render` writes them into Prometheus' settings.
"""

from __future__ import annotations

from services.metrics.settings import Settings

_UTF8_BYTES = 4
"""The service counts characters, Prometheus bytes."""
_MORE_LABELS = 4
"""Beside those of a body and of a URL: the metric's name, job and instance, one to spare."""
_OWN_LABEL_NAME, _OWN_LABEL_VALUE = 128, 16_384
"""Of the service's own series, which hold for example the addresses of probes."""


def prometheus_limits(settings: Settings) -> dict[str, int | str]:
    """Return the limits of a scrape job that reads the service.

    Args:
        settings: of the service.
    """
    value = _UTF8_BYTES * max(settings.max_label_value, settings.max_metric_name)
    return {
        "body_size_limit": f"{settings.max_scrape_bytes}B",
        "sample_limit": settings.max_total_series,
        "label_limit": 2 * settings.max_labels + _MORE_LABELS,
        "label_name_length_limit": max(settings.max_label_name, _OWN_LABEL_NAME),
        "label_value_length_limit": max(value, _OWN_LABEL_VALUE),
    }
