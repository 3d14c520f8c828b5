"""Which format a reader gets: its ``Accept`` header against what the service speaks."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

Format = Literal["text", "openmetrics", "protobuf"]

CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "protobuf": (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        "encoding=delimited"
    ),
}

_MESSAGE = {"proto": "io.prometheus.client.MetricFamily", "encoding": "delimited"}


def _ranges(accept: str) -> list[tuple[float, int, str, dict[str, str]]]:
    found = []
    for position, item in enumerate(accept.split(",")):
        kind, *rest = (part.strip() for part in item.split(";"))
        parameters = {}
        for part in rest:
            name, _, value = part.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        found.append((-quality, position, kind.lower(), parameters))
    return sorted(found, key=lambda row: row[:2])


@lru_cache(maxsize=64)
def choose(accept: str | None) -> Format:
    """Return the best format that the reader takes; the text format when it names none.

    Args:
        accept: the ``Accept`` header. Prometheus names several with qualities.
    """
    for quality, _, kind, parameters in _ranges(accept or ""):
        if quality == 0:
            continue
        version = parameters.get("version")
        if kind == "application/openmetrics-text" and version in (None, "1.0.0", "0.0.1"):
            return "openmetrics"
        if kind == "application/vnd.google.protobuf" and _MESSAGE.items() <= parameters.items():
            return "protobuf"
        if kind in ("text/plain", "text/*", "*/*") and version in (None, "0.0.4"):
            return "text"
    return "text"


def takes_gzip(accept: str | None) -> bool:
    """Return whether the reader takes an answer that is compressed with gzip.

    Args:
        accept: the ``Accept-Encoding`` header.
    """
    return any(part.split(";")[0].strip() == "gzip" for part in (accept or "").lower().split(","))
