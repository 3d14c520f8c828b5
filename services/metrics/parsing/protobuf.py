"""A push in protocol buffers, which is what the Go client sends unless it is told otherwise.

The messages (``io.prometheus.client.MetricFamily``, each with its length in front) are written
out as text and go the way of every other push, so that one place judges.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from services.metrics.errors import Rejected
from services.metrics.parsing.lexer import METRIC_NAME, escape_help, escape_label
from services.metrics.protocol.grouping_key import LABEL_NAME

_TYPES = {
    0: "counter",
    1: "gauge",
    2: "summary",
    3: "untyped",
    4: "histogram",
    5: "gaugehistogram",
}
_PLACES = {
    "counter": 3,
    "gauge": 2,
    "summary": 4,
    "untyped": 5,
    "histogram": 7,
    "gaugehistogram": 7,
}
_CREATED = {"counter": 3, "summary": 4, "histogram": 15}
_METRIC = 4
_EXCESS = 10
MAX_FIELDS = 200_000
"""Of one message, so that a body of nothing but fields is not kept in pieces."""
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
        at = found = 0
        while at < len(data):
            found += 1
            if found > MAX_FIELDS:
                raise Rejected("too_large", f"a message has more than {MAX_FIELDS} fields")
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


def to_text(body: bytes, max_series: int = 10_000) -> bytes:
    """Write a protocol buffer push as text.

    Args:
        body: families, each with its length in front.
        max_series: that a push may have. So many more are written out that the families of a
            snapshot which are too large can be told from the others.

    Raises:
        Rejected: ``parse``, ``utf8``, ``type``, ``timestamp``, ``too_large`` or
            ``too_many_series``.
    """
    lines: list[str] = []
    at = samples = 0
    while at < len(body):
        size, at = _varint(body, at)
        if at + size > len(body):
            raise Rejected("parse", "the protocol buffer is cut off")
        for line in _family(Message(body[at : at + size])):
            lines.append(line)
            samples += not line.startswith("#")
            if samples > _EXCESS * max_series:
                raise Rejected("too_many_series", f"more than {max_series} series")
        at += size
    return "".join(lines).encode("utf-8")


def _family(family: Message) -> Iterator[str]:
    name, number = family.text(1), family.whole(3)
    if not METRIC_NAME.fullmatch(name):
        raise Rejected("parse", f"{name[:40]!r} is not a metric name")
    kind = _TYPES.get(number)
    if kind is None:
        raise Rejected("type", f"the type of {name[:40]} is not known here")
    if family.text(2):
        yield f"# HELP {name} {escape_help(family.text(2), False)}\n"
    yield f"# TYPE {name} {kind}\n"
    began: list[str] = []
    for data in family.parts(_METRIC):
        metric = Message(data)
        labels = [_label(Message(pair)) for pair in metric.parts(1)]
        if metric.whole(6):
            message = f"{name[:40]}: a pushed sample must not have a timestamp"
            raise Rejected("timestamp", message)
        value = metric.message(_PLACES[kind])
        if value is None:
            raise Rejected("type", f"a metric of {name[:40]} has no {kind}")
        yield from _samples(name, kind, labels, value)
        created = value.message(_CREATED.get(kind, 0))
        if created is not None:
            seconds = created.whole(1) + created.whole(2) / 1e9
            began.append(_line(_stem(name, kind) + "_created", labels, seconds))
    if began:
        yield f"# TYPE {_stem(name, kind)}_created gauge\n"
        yield from began


def _label(pair: Message) -> tuple[str, str]:
    name = pair.text(1)
    if not LABEL_NAME.fullmatch(name):
        raise Rejected("label", f"{name[:40]!r} is not a label name")
    return name, pair.text(2)


def _stem(name: str, kind: str) -> str:
    return name.removesuffix("_total") if kind == "counter" else name


def _samples(name: str, kind: str, labels: Labels, value: Message) -> Iterator[str]:
    if kind == "summary":
        yield from _summary(name, labels, value)
    elif kind in ("histogram", "gaugehistogram"):
        yield from _histogram(name, kind, labels, value)
    else:
        yield _line(name, labels, value.double(1))


def _summary(name: str, labels: Labels, value: Message) -> Iterator[str]:
    for part in map(Message, value.parts(3)):
        yield _line(name, [*labels, ("quantile", repr(part.double(1)))], part.double(2))
    yield _line(name + "_sum", labels, value.double(2))
    yield _line(name + "_count", labels, value.whole(1))


def _histogram(name: str, kind: str, labels: Labels, value: Message) -> Iterator[str]:
    """Write the classic buckets; of a histogram that has none (a native one) count and sum."""
    count = _count(value)
    bounds = {part.double(2): _count(part) for part in map(Message, value.parts(3))}
    bounds.setdefault(float("inf"), count)
    for bound, held in bounds.items():
        text = "+Inf" if bound == float("inf") else repr(bound)
        yield _line(name + "_bucket", [*labels, ("le", text)], held)
    letter = "g" if kind == "gaugehistogram" else ""
    yield _line(f"{name}_{letter}sum", labels, value.double(2))
    yield _line(f"{name}_{letter}count", labels, count)


def _count(part: Message) -> float:
    """Return the count of a histogram or a bucket; where it is weighted, what is whole of it."""
    weighted = part.double(4)
    return math.floor(weighted) if math.isfinite(weighted) and weighted else part.whole(1)


def _line(name: str, labels: Labels, value: float) -> str:
    text = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))
    inner = ",".join(f'{key}="{escape_label(part)}"' for key, part in labels)
    return f"{name}{{{inner}}} {text}\n" if inner else f"{name} {text}\n"
