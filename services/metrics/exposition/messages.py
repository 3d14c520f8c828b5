"""Protocol buffer messages of a scrape, with slots left for the values.

Source: ``io.prometheus.client`` (metrics.proto of prometheus/client_model). Every value has a slot of
one size: a double has eight bytes by nature, a whole number is padded (a count to ten bytes, for 64
bits), which the encoding allows. So values can be put into a finished message at known places.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from services.metrics.exposition.lines import has_instance, without_instance
from services.metrics.parsing.lexer import unescape
from services.metrics.series.labels import PAIR
from services.metrics.series.merge import metric_of
from services.metrics.series.series_list import CREATED, Family, Ints, SeriesList

TYPES = {"counter": 0, "gauge": 1, "summary": 2, "unknown": 3, "histogram": 4}
"""Number of each type; everything else is a gauge."""
KINDS = DOUBLE, COUNT, SECONDS, NANOS = range(4)
"""What stands in a slot: a float64, a whole number, and the two parts of a time."""

_SIMPLE = {"counter": b"\x1a", "unknown": b"\x2a"}
_SLOTS = {
    DOUBLE: bytes(8),
    COUNT: bytes(8) + b"\x80\x00",
    SECONDS: bytes(8),
    NANOS: bytes(8),
}
"""What stands where a value will be, by kind."""
_INFINITE = struct.pack("<d", float("inf"))
Place = tuple[int, int, int]
"""Kind, offset, and the entry of the list whose value goes there."""


def varint(number: int) -> bytes:
    """Write a number in as few bytes as it takes."""
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)


def sized(tag: bytes, content: bytes) -> bytes:
    """Write a field whose content tells its length: a string or a message."""
    return tag + varint(len(content)) + content


@dataclass
class Shape:
    """The metrics of one family in a list, without the labels of a group.

    Args:
        bodies: of each metric its own labels and its value.
        own_instance: of each metric, whether it has an instance of its own.
        slots: a column for each: kind, metric, offset in the body, entry.
    """

    bodies: list[bytes]
    own_instance: list[bool]
    slots: Ints


@dataclass
class Chunk:
    """The metrics of one family in one view: bytes, and the slots in them.

    Args:
        data: ``metric`` fields of a MetricFamily.
        kinds: of each slot.
        offsets: of each slot in ``data``.
        entries: whose value goes there, for each slot.
    """

    data: bytes
    kinds: Ints
    offsets: Ints
    entries: Ints


def assemble(shape: Shape, prefix: str) -> Chunk:
    """Put the labels of a group in front of every metric of a shape.

    Args:
        shape: of one family.
        prefix: the group's labels, as a view has them.
    """
    base = _labels(prefix)
    heads: dict[tuple[bool, int], bytes] = {}
    other = _labels(without_instance(prefix)) if any(shape.own_instance) else base
    pieces: list[bytes] = []
    starts = []
    position = 0
    for body, own in zip(shape.bodies, shape.own_instance, strict=True):
        head = heads.get((own, len(body)))
        if head is None:
            labels = other if own else base
            head = b"\x22" + varint(len(labels) + len(body)) + labels
            heads[own, len(body)] = head
        pieces += (head, body)
        starts.append(position + len(head))
        position += len(head) + len(body)
    kinds, metrics, offsets, entries = shape.slots
    return Chunk(b"".join(pieces), kinds, np.array(starts, np.intp)[metrics] + offsets, entries)


class _Message:
    """A message in the making: bytes, and the slots in it."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.places: list[Place] = []

    def slot(self, tag: bytes, kind: int, entry: int) -> None:
        self.data += tag
        self.places.append((kind, len(self.data), entry))
        self.data += _SLOTS[kind]

    def message(self, tag: bytes, inner: _Message) -> None:
        self.data += tag + varint(len(inner.data))
        base = len(self.data)
        self.places += [(kind, base + at, entry) for kind, at, entry in inner.places]
        self.data += inner.data


def shape_of(series: SeriesList, at: int) -> Shape:
    """Return the shape of the list's family number ``at``."""
    bodies: list[bytes] = []
    own_instance: list[bool] = []
    places: list[tuple[int, int, int, int]] = []
    family = series.families[at]
    for labels, entries in _metrics(family, series, at):
        shown = [entry for entry in entries if series.roles[entry] != CREATED]
        began = [entry for entry in entries if series.roles[entry] == CREATED]
        if not shown:
            continue
        metric = _Message(_labels(labels))
        if family.type in ("histogram", "summary"):
            _distribution(metric, series, family, shown, began)
        else:
            _simple(metric, family, shown, began)
        for kind, offset, entry in metric.places:
            places.append((kind, len(bodies), offset, entry))
        bodies.append(bytes(metric.data))
        own_instance.append(has_instance(labels))
    slots = np.array(places, dtype=np.intp).reshape(-1, 4).T.copy()
    return Shape(bodies, own_instance, slots)


def _metrics(family: Family, series: SeriesList, at: int) -> Iterator[tuple[str, list[int]]]:
    """Yield the labels of each metric with its entries; those of one metric stand together."""
    labels = ""
    entries: list[int] = []
    for entry in range(series.starts[at], series.starts[at + 1]):
        own = metric_of(family, series.labels[entry])
        if entries and own != labels:
            yield labels, entries
            entries = []
        labels = own
        entries.append(entry)
    if entries:
        yield labels, entries


@lru_cache(maxsize=32_768)
def _labels(block: str) -> bytes:
    pairs = []
    for name, value in PAIR.findall(block):
        text = unescape(value, 0).encode() if "\\" in value else value.encode()
        pairs.append(sized(b"\x0a", sized(b"\x0a", name.encode()) + sized(b"\x12", text)))
    return b"".join(pairs)


def _began(value: _Message, tag: bytes, entries: list[int]) -> None:
    for entry in entries[:1]:
        time = _Message()
        time.slot(b"\x08", SECONDS, entry)
        time.slot(b"\x10", NANOS, entry)
        value.message(tag, time)


def _simple(metric: _Message, family: Family, entries: list[int], began: list[int]) -> None:
    value = _Message()
    value.slot(b"\x09", DOUBLE, entries[0])
    if family.type == "counter":
        _began(value, b"\x1a", began)
    metric.message(_SIMPLE.get(family.type, b"\x12"), value)


def _distribution(
    metric: _Message, series: SeriesList, family: Family, entries: list[int], began: list[int]
) -> None:
    histogram = family.type == "histogram"
    value, count = _Message(), None
    for entry in entries:
        suffix = series.names[entry][len(family.name) :]
        if suffix == "_count":
            count = entry
        elif suffix == "_sum":
            value.slot(b"\x11", DOUBLE, entry)
        else:
            point, bound = _point(series.labels[entry], entry, histogram)
            value.message(b"\x1a", point)
            count = entry if count is None and histogram and bound == _INFINITE else count
    if count is not None:
        value.slot(b"\x08", COUNT, count)
    _began(value, b"\x7a" if histogram else b"\x22", began)
    metric.message(b"\x3a" if histogram else b"\x22", value)


def _point(labels: str, entry: int, bucket: bool) -> tuple[_Message, bytes]:
    """Write a bucket of a histogram or a quantile of a summary."""
    text = dict(PAIR.findall(labels))["le" if bucket else "quantile"]
    bound = struct.pack("<d", float(text))
    point = _Message()
    if bucket:
        point.slot(b"\x08", COUNT, entry)
        point.data += b"\x11" + bound
    else:
        point.data += b"\x09" + bound
        point.slot(b"\x11", DOUBLE, entry)
    return point, bound
