"""A reader of the protocol buffer format that knows nothing of how it was written."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Field = tuple[int, int | bytes]
TYPES = ("counter", "gauge", "summary", "unknown", "histogram")


def number(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint; return it and where it ends."""
    result = shift = 0
    while True:
        byte = data[at]
        result |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            assert shift <= 70
            return result, at


def fields(data: bytes) -> Iterator[Field]:
    """Yield number and content of every field of a message."""
    at = 0
    while at < len(data):
        tag, at = number(data, at)
        if tag & 7 == 0:
            value, at = number(data, at)
            yield tag >> 3, value
        else:
            size = 8
            if tag & 7 == 2:
                size, at = number(data, at)
            else:
                assert tag & 7 == 1
            yield tag >> 3, data[at : at + size]
            at += size
            assert at <= len(data)


def first(data: bytes, wanted: int) -> bytes | None:
    found = [value for field, value in fields(data) if field == wanted]
    return found[0] if found and isinstance(found[0], bytes) else None


def double(data: bytes | int | None) -> float:
    assert isinstance(data, bytes)
    return float(struct.unpack("<d", data)[0])


Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(body: bytes) -> tuple[dict[str, str], Series, Series]:
    """Return the types, the samples, and the times of beginning of a scrape."""
    types: dict[str, str] = {}
    samples: Series = {}
    began: Series = {}
    at = 0
    while at < len(body):
        size, at = number(body, at)
        family = body[at : at + size]
        at += size
        name = (first(family, 1) or b"").decode()
        kind = TYPES[next(v for f, v in fields(family) if f == 3 and isinstance(v, int))]
        assert name not in types
        types[name] = kind
        for field, content in fields(family):
            if field == 4:
                assert isinstance(content, bytes)
                _metric(name, kind, content, samples, began)
    return types, samples, began


def _metric(name: str, kind: str, data: bytes, samples: Series, began: Series) -> None:
    labels = []
    for field, content in fields(data):
        if field == 1:
            assert isinstance(content, bytes)
            pair = (first(content, 1) or b"", first(content, 2) or b"")
            labels.append((pair[0].decode(), pair[1].decode()))
    base = frozenset(labels)
    assert len(base) == len(labels)
    place = {"counter": 3, "gauge": 2, "summary": 4, "unknown": 5, "histogram": 7}[kind]
    value = first(data, place)
    assert value is not None
    created = first(value, {"counter": 3, "summary": 4, "histogram": 15}.get(kind, 99))
    if created is not None:
        parts = dict(fields(created))
        began[name, base] = int(parts[1]) + int(parts[2]) / 1e9
    if kind in ("summary", "histogram"):
        _distribution(name, kind, value, base, samples)
    else:
        samples[name, base] = double(first(value, 1))


def _distribution(
    name: str, kind: str, value: bytes, base: frozenset[tuple[str, str]], samples: Series
) -> None:
    for field, content in fields(value):
        if field == 1:
            assert isinstance(content, int)
            samples[name + "_count", base] = content
        elif field == 2:
            samples[name + "_sum", base] = double(content)
        elif field == 3:
            assert isinstance(content, bytes)
            parts = dict(fields(content))
            if kind == "histogram":
                key = (name + "_bucket", base | {("le", str(double(parts[2])))})
                samples[key] = float(parts[1])
            else:
                samples[name, base | {("quantile", str(double(parts[1])))}] = double(parts[2])
