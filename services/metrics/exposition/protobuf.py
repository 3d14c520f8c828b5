"""The protocol buffer format: a finished message into which changed values are put.

This is what Prometheus asks for first when it takes the time of beginning from a scrape, and it
is the cheapest to write: a value is eight bytes at a known place, not digits.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.metrics.exposition.body import Body
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.messages import (
    COUNT,
    DOUBLE,
    NANOS,
    SECONDS,
    TYPES,
    Chunk,
    Shapes,
    assemble,
    sized,
    varint,
)
from services.metrics.parsing.serieslist import Family, Floats, Ints, SeriesList

_MORE = np.uint64(0x0080808080808080)
"""Seven bytes say that another one follows, the eighth ends the number."""
_LARGEST = float(2**56 - 1)
Places = list[tuple[Ints, int, int]]


class _Sheet:
    """A finished message with its values, from which a scrape is sent.

    Args:
        buffer: the message.
        shown: of each kind of room, the values that stand in it; None where there are none yet.
    """

    def __init__(self, buffer: bytearray, shown: list[Floats | None]) -> None:
        self.buffer = buffer
        self.shown = shown
        self.lent = False

    def copy(self) -> _Sheet:
        """Return another one with the same content."""
        return _Sheet(bytearray(self.buffer), list(self.shown))

    def lend(self) -> Body:
        """Return the content as a body; it stays as it is until that is given back."""
        self.lent = True
        return Body([memoryview(self.buffer).toreadonly()], self._take_back)

    def _take_back(self) -> None:
        self.lent = False


class ProtobufRenderer:
    """Renders views. Not safe for threads: whoever shares it guards it."""

    def __init__(self) -> None:
        self._shapes = Shapes()
        self._chunks: dict[Hashable, tuple[SeriesList, str, list[Chunk]]] = {}
        self._layout: Layout | None = None
        self._sheet = _Sheet(bytearray(), [])
        self._rooms = [
            _Rooms(DOUBLE, "<f8", lambda values: values),
            _Rooms(COUNT, "<u8", padded),
            _Rooms(SECONDS, "<u8", lambda values: padded(np.floor(values))),
            _Rooms(NANOS, "<u8", lambda values: padded((values - np.floor(values)) * 1e9)),
        ]

    def render(self, layout: Layout, views: Views) -> Body:
        """Return the body of a scrape.

        Args:
            layout: fits the views.
            views: what is shown.
        """
        if layout is not self._layout:
            self._arrange(layout, views)
        values = layout.take(views)
        if self._sheet.lent:  # somebody still reads the last scrape
            self._sheet = self._sheet.copy()
        sheet = self._sheet
        sheet.shown = [
            rooms.put(sheet.buffer, values, shown)
            for rooms, shown in zip(self._rooms, sheet.shown, strict=True)
        ]
        return sheet.lend()

    def _arrange(self, layout: Layout, views: Views) -> None:
        buffer = bytearray()
        places: Places = []
        for family, rows, slot in layout.chunks:
            made = [self._chunk(views, key, family.name) for key, _, _ in rows]
            head = _header(family)
            size = sum(len(part.data) for part in made)
            if size:
                buffer += varint(size + len(head)) + head
            for part, (_, low, high) in zip(made, rows, strict=True):
                places.append((part.places, len(buffer), slot - low))
                buffer += part.data
                slot += high - low
        for key in self._chunks.keys() - views.keys():
            del self._chunks[key]
        self._sheet = _Sheet(buffer, [None] * len(self._rooms))
        self._layout = layout
        for rooms in self._rooms:
            rooms.at(places)

    def _chunk(self, views: Views, key: Hashable, name: str) -> Chunk:
        view = views[key]
        known = self._chunks.get(key)
        if known is None or known[0] is not view.series or known[1] != view.prefix:
            shapes = self._shapes.of(view.series)
            chunks = [assemble(shape, view.prefix) for shape in shapes]
            known = self._chunks[key] = (view.series, view.prefix, chunks)
        return known[2][view.series.index[name]]


class _Rooms:
    """The rooms of one kind in the message."""

    def __init__(self, kind: int, dtype: str, encode: Callable[[Floats], NDArray[Any]]) -> None:
        self._kind = kind
        self._dtype = dtype
        self._encode = encode
        self._offsets: Ints = np.zeros(0, dtype=np.intp)
        self._slots: Ints = np.zeros(0, dtype=np.intp)

    def at(self, places: Places) -> None:
        """Take over new places: tables with what to add to their offsets and entries."""
        offsets, slots = [self._offsets[:0]], [self._slots[:0]]
        for table, base, shift in places:
            mine = table[table[:, 0] == self._kind]
            offsets.append(mine[:, 1] + base)
            slots.append(mine[:, 2] + shift)
        self._offsets, self._slots = np.concatenate(offsets), np.concatenate(slots)

    def put(self, buffer: bytearray, values: Floats, shown: Floats | None) -> Floats:
        """Put the values that changed into the buffer.

        Args:
            buffer: the message.
            values: all values of the scrape.
            shown: what this returned for the buffer the last time.
        """
        wanted = values[self._slots]
        offsets, new = self._offsets, wanted
        if shown is not None:
            changed = wanted.view(np.int64) != shown.view(np.int64)
            offsets, new = offsets[changed], wanted[changed]
        if len(offsets):
            room: NDArray[Any] = np.ndarray(
                (len(buffer) - 7,), dtype=self._dtype, buffer=buffer, strides=(1,)
            )
            room[offsets] = self._encode(new)
        return wanted


def padded(values: Floats) -> NDArray[np.uint64]:
    """Write whole numbers as varints of eight bytes; what is no such number is written as 0."""
    whole = np.fmin(np.fmax(values, 0.0), _LARGEST).astype(np.uint64)
    result: NDArray[np.uint64] = np.full(len(whole), _MORE, dtype=np.uint64)
    bits = int(whole.max()).bit_length() if len(whole) else 0
    for group in range((bits + 6) // 7):
        result |= ((whole >> np.uint64(7 * group)) & np.uint64(0x7F)) << np.uint64(8 * group)
    return result


def _header(family: Family) -> bytes:
    head = sized(b"\x0a", family.name.encode())
    if family.help:
        head += sized(b"\x12", family.help.encode())
    head += b"\x18" + varint(TYPES.get(family.type, 1))
    if family.unit:
        head += sized(b"\x2a", family.unit.encode())
    return head
