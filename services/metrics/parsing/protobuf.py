"""A push in protocol buffers, which is what the Go client sends unless it is told otherwise.

The messages (``io.prometheus.client.MetricFamily``, each with its length in front) are written
out as text and go the way of every other push, so that one place judges.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from services.metrics.errors import Rejected
from services.metrics.parsing.lexer import METRIC_NAME, escape_help, escape_label

_TYPES = {0: "counter", 1: "gauge", 2: "summary", 3: "untyped", 4: "histogram"}
_PLACES = {"counter": 3, "gauge": 2, "summary": 4, "untyped": 5, "histogram": 7}
_CREATED = {"counter": 3, "summary": 4, "histogram": 15}
Labels = list[tuple[str, str]]


class Message:
    """The fields of a message: numbers, and what lies in them.

    Args:
        data: the bytes.

    Raises:
        Rejected: ``parse``: they are not a message.
    """

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        at = 0
        while at < len(data):
            tag, at = _varint(data, at)
            kind = tag & 7
            value: int | bytes
            if kind == 0:
                value, at = _varint(data, at)
            else:
                size = {1: 8, 5: 4}.get(kind, -1)
                if kind == 2:
                    size, at = _varint(data, at)
                if size < 0 or at + size > len(data):
                    raise Rejected("parse", "the protocol buffer is damaged")
                value, at = data[at : at + size], at + size
            self._fields.setdefault(tag >> 3, []).append(value)

    def parts(self, field: int) -> list[bytes]:
        """Return the contents of a repeated string or message."""
        return [value for value in self._fields.get(field, ()) if isinstance(value, bytes)]

    def message(self, field: int) -> Message | None:
        """Return a message, None when it is not there."""
        found = self.parts(field)
        return Message(found[-1]) if found else None

    def text(self, field: int) -> str:
        """Return a string, empty when it is not there."""
        found = self.parts(field)
        try:
            return found[-1].decode("utf-8") if found else ""
        except UnicodeDecodeError:
            raise Rejected("utf8", "a string of the protocol buffer is not UTF-8") from None

    def whole(self, field: int) -> int:
        """Return a whole number, 0 when it is not there."""
        found = [value for value in self._fields.get(field, ()) if isinstance(value, int)]
        return found[-1] if found else 0

    def double(self, field: int) -> float:
        """Return a float64, 0 when it is not there."""
        found = self.parts(field)
        if found and len(found[-1]) != 8:
            raise Rejected("parse", "the protocol buffer is damaged")
        return float(struct.unpack("<d", found[-1])[0]) if found else 0.0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        result |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, at
    raise Rejected("parse", "the protocol buffer is cut off")


def to_text(body: bytes) -> bytes:
    """Write a protocol buffer push as text.

    Args:
        body: families, each with its length in front.

    Raises:
        Rejected: ``parse``, ``utf8``, ``type`` (native histograms) or ``timestamp``.
    """
    lines: list[str] = []
    at = 0
    while at < len(body):
        size, at = _varint(body, at)
        if at + size > len(body):
            raise Rejected("parse", "the protocol buffer is cut off")
        lines.extend(_family(Message(body[at : at + size])))
        at += size
    return "".join(lines).encode("utf-8")


def _family(family: Message) -> Iterator[str]:
    name, number = family.text(1), family.whole(3)
    if not METRIC_NAME.fullmatch(name):
        raise Rejected("parse", f"{name[:40]!r} is not a metric name")
    kind = _TYPES.get(number)
    if kind is None:
        raise Rejected("type", f"the type of {name} is not known here")
    if family.text(2):
        yield f"# HELP {name} {escape_help(family.text(2), False)}\n"
    yield f"# TYPE {name} {kind}\n"
    began: list[str] = []
    for data in family.parts(4):
        metric = Message(data)
        labels = [(pair.text(1), pair.text(2)) for pair in map(Message, metric.parts(1))]
        if metric.whole(6):
            raise Rejected("timestamp", f"{name}: a pushed sample must not have a timestamp")
        value = metric.message(_PLACES[kind])
        if value is None:
            raise Rejected("type", f"a metric of {name} has no {kind}")
        yield from _samples(name, kind, labels, value)
        created = value.message(_CREATED.get(kind, 0))
        if created is not None:
            seconds = created.whole(1) + created.whole(2) / 1e9
            began.append(_line(_stem(name, kind) + "_created", labels, seconds))
    if began:
        yield f"# TYPE {_stem(name, kind)}_created gauge\n"
        yield from began


def _stem(name: str, kind: str) -> str:
    return name.removesuffix("_total") if kind == "counter" else name


def _samples(name: str, kind: str, labels: Labels, value: Message) -> Iterator[str]:
    if kind not in ("histogram", "summary"):
        yield _line(name, labels, value.double(1))
        return
    count = value.whole(1)
    if kind == "summary":
        for part in map(Message, value.parts(3)):
            yield _line(name, [*labels, ("quantile", repr(part.double(1)))], part.double(2))
    else:
        buckets = [Message(data) for data in value.parts(3)]
        if not buckets and any(value.parts(field) for field in (9, 12)):
            raise Rejected("type", f"{name} is a native histogram; send classic buckets")
        bounds = [(part.double(2), part.whole(1)) for part in buckets]
        if not any(bound == float("inf") for bound, _ in bounds):
            bounds.append((float("inf"), count))
        for bound, held in bounds:
            text = "+Inf" if bound == float("inf") else repr(bound)
            yield _line(name + "_bucket", [*labels, ("le", text)], held)
    yield _line(name + "_sum", labels, value.double(2))
    yield _line(name + "_count", labels, count)


def _line(name: str, labels: Labels, value: float) -> str:
    text = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))
    inner = ",".join(f'{key}="{escape_label(part)}"' for key, part in labels)
    return f"{name}{{{inner}}} {text}\n" if inner else f"{name} {text}\n"
