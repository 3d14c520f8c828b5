"""The body and the headers of a push, with their limits."""

from __future__ import annotations

import math

from isal import igzip_lib, isal_zlib

from services.metrics.errors import Rejected

OPENMETRICS = "application/openmetrics-text"
PROTOBUF = "application/vnd.google.protobuf"
_MESSAGE = "io.prometheus.client.MetricFamily"
VALUES = "application/vnd.dreamos.values"


def content_kind(header: str | None) -> str:
    """Return ``text``, ``openmetrics``, ``protobuf`` or ``values``, by the header ``Content-Type``.

    Whatever is not one of the others is read as text, as the Pushgateway does: scripts send what
    their tool happens to say (``curl`` an HTML form), and prometheus_client ``version=1.0.0``.

    Raises:
        Rejected: ``content_type``: protocol buffers in a form that is not read here.
    """
    kind, _, rest = (header or "").partition(";")
    kind = kind.strip().lower()
    if kind == VALUES:
        return "values"
    if kind == OPENMETRICS:
        return "openmetrics"
    if kind != PROTOBUF:
        return "text"
    parameters = {}
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    if parameters.get("encoding") == "delimited" and parameters.get("proto") == _MESSAGE:
        return "protobuf"
    raise Rejected(
        "content_type", f"of protocol buffers only {PROTOBUF}; proto={_MESSAGE}; encoding=delimited"
    )


def decode(body: bytes, encoding: str | None, limit: int) -> bytes:
    """Undo the ``Content-Encoding``, stopping at the limit so that no bomb unfolds.

    Args:
        body: as it came in.
        encoding: the header.
        limit: most bytes of the result.

    Raises:
        Rejected: ``encoding``, ``parse`` (damaged) or ``too_large``.
    """
    kind = (encoding or "identity").strip().lower()
    if kind == "identity":
        return body
    if kind not in ("gzip", "x-gzip"):
        raise Rejected("encoding", "Content-Encoding must be gzip, or left out")
    unpacker = isal_zlib.decompressobj(wbits=31)
    try:
        plain: bytes = unpacker.decompress(body, limit + 1)
    except igzip_lib.IsalError:  # type: ignore[misc]  # its stub says instance, not class
        raise Rejected("parse", "the body is not valid gzip") from None
    if len(plain) > limit:
        raise Rejected("too_large", f"more than {limit} bytes after decompression")
    if not unpacker.eof or unpacker.unused_data:
        raise Rejected("parse", "the gzip body is cut off or something follows it")
    return plain


def sequence(raw: str | None) -> int:
    """Read ``Dreamos-Sequence``; 0 when it is not there.

    Raises:
        Rejected: ``header``.
    """
    if raw is None:
        return 0
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 18 and int(raw) >= 1):
        raise Rejected("header", "Dreamos-Sequence must be a whole number from 1")
    return int(raw)


def time_to_live(raw: str | None) -> float | None:
    """Read ``Dreamos-TTL`` in seconds; None when it is not there.

    Raises:
        Rejected: ``header``.
    """
    if raw is None:
        return None
    try:
        seconds = float(raw) if len(raw) <= 30 and "_" not in raw else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 1e9:
        raise Rejected("header", "Dreamos-TTL must be a number of seconds above 0")
    return seconds


def ended_ago(raw: str | None) -> float:
    """Read ``Dreamos-Ended-Ago`` in seconds; 0 when it is not there.

    Raises:
        Rejected: ``header``.
    """
    if raw is None:
        return 0.0
    try:
        seconds = float(raw) if len(raw) <= 30 and "_" not in raw else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < 1e9:
        raise Rejected("header", "Dreamos-Ended-Ago must be a number of seconds from 0")
    return seconds


def flag(raw: str | None, name: str) -> bool:
    """Return whether the header ``name`` is 1.

    Raises:
        Rejected: ``header`` when it is anything but 0 or 1.
    """
    raw = (raw or "0").strip()
    if raw not in ("0", "1"):
        raise Rejected("header", f"{name} must be 1, or left out")
    return raw == "1"
