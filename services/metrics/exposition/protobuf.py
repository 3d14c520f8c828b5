"""The protocol buffer format: a finished message into which changed values are put.

This is what Prometheus asks for first when it takes the time of beginning from a scrape, and it
is the cheapest to write: a value is eight bytes at a known place, not digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.metrics.exposition.body import Body
from services.metrics.exposition.chunks import Chunks
from services.metrics.exposition.layout import Layout, Views
from services.metrics.exposition.messages import (
    COUNT,
    DOUBLE,
    KINDS,
    NANOS,
    SECONDS,
    TYPES,
    Chunk,
    sized,
    varint,
)
from services.metrics.parsing.serieslist import Family, Floats, Ints, SeriesList

_MORE = np.uint64(0x0080808080808080)
"""Seven bytes say that another one follows, the eighth ends the number."""
_LARGEST = float(2**56 - 1)
Places = list[tuple[Chunk, int, int]]


class _Sheet:
    """A finished message with its values, from which a scrape is sent.

    Args:
        buffer: the message.
        shown: the value that stands in it for each slot of the layout.
        takes: of the layout, when values were put there last; 0 when none were yet.
    """

    def __init__(self, buffer: bytearray, shown: Floats, takes: int = 0) -> None:
        self.buffer = buffer
        self.shown = shown
        self.takes = takes
        self.lent = False

    def copy(self) -> _Sheet:
        """Return another one with the same content."""
        return _Sheet(bytearray(self.buffer), self.shown.copy(), self.takes)

    def lend(self) -> Body:
        """Return the content as a body; it stays as it is until that is given back."""
        self.lent = True
        return Body([memoryview(self.buffer).toreadonly()], self._take_back)

    def _take_back(self) -> None:
        self.lent = False


class ProtobufRenderer:
    """Renders views. Not safe for threads: whoever shares it guards it."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._layout: Layout | None = None
        self._sheet = _Sheet(bytearray(), np.zeros(0))
        self._rooms: list[_Rooms] = []

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
        slots = layout.changed_since(sheet.takes)
        new = values[slots]
        if sheet.takes:
            changed = new.view(np.int64) != sheet.shown[slots].view(np.int64)
            slots, new = slots[changed], new[changed]
        for rooms in self._rooms:
            rooms.put(sheet.buffer, slots, new)
        sheet.shown[slots], sheet.takes = new, layout.takes
        return sheet.lend()

    def prepare(self, prefix: str, series: SeriesList) -> None:
        """Do what a view with this prefix and list will need. Safe for threads."""
        self._chunks.prepare(prefix, series)

    def _arrange(self, layout: Layout, views: Views) -> None:
        pieces: list[bytes] = []
        places: Places = []
        at = 0
        for family, rows in layout.chunks:
            made = [self._chunks.of(key, views[key], family.name) for key, _, _ in rows]
            head = _header(family)
            size = sum(len(part.data) for part in made)
            if size:
                pieces.append(varint(size + len(head)) + head)
                at += len(pieces[-1])
            for part, (key, _, _) in zip(made, rows, strict=True):
                places.append((part, at, layout.bases[key]))
                pieces.append(part.data)
                at += len(part.data)
        self._chunks.keep_only(views)
        self._sheet = _Sheet(bytearray().join(pieces), np.zeros(len(layout.values)))
        self._layout = layout
        self._rooms = _rooms(places, len(layout.values))


class _Rooms:
    """Rooms of one kind in the message, at most one for each slot of the layout.

    Args:
        kind: of the rooms.
        offsets: in the message, by slot; -1 where a slot has no such room.
    """

    def __init__(self, kind: int, offsets: NDArray[np.int64]) -> None:
        self._dtype = "<f8" if kind == DOUBLE else "<u8"
        self._encode = _ENCODE[kind]
        self._offsets = offsets

    def put(self, buffer: bytearray, slots: Ints, values: Floats) -> None:
        """Put values into the message.

        Args:
            buffer: the message.
            slots: of the layout.
            values: one for each of the slots.
        """
        offsets = self._offsets[slots]
        mine = offsets >= 0
        offsets = offsets[mine]
        if len(offsets):
            room: NDArray[Any] = np.ndarray(
                (len(buffer) - 7,), dtype=self._dtype, buffer=buffer, strides=(1,)
            )
            room[offsets] = self._encode(values[mine])


def _rooms(places: Places, size: int) -> list[_Rooms]:
    """Sort rooms by kind.

    A slot may have two of a kind: the last bucket of a histogram is its count as well.

    Args:
        places: chunks, where each begins in the message, and the first slot of its view.
        size: slots of the layout.
    """
    if not places:
        return []
    chunks, begins, bases = zip(*places, strict=True)
    lengths = [len(chunk.kinds) for chunk in chunks]
    kinds = np.concatenate([chunk.kinds for chunk in chunks])
    all_offsets = np.concatenate([chunk.offsets for chunk in chunks]) + np.repeat(begins, lengths)
    all_slots = np.concatenate([chunk.entries for chunk in chunks]) + np.repeat(bases, lengths)
    found = []
    for kind in KINDS:
        mine = kinds == kind
        offsets, slots = all_offsets[mine], all_slots[mine]
        while len(slots):
            by_slot = np.full(size, -1)
            by_slot[slots] = offsets
            found.append(_Rooms(kind, by_slot))
            further = by_slot[slots] != offsets
            offsets, slots = offsets[further], slots[further]
    return found


def padded(values: Floats) -> NDArray[np.uint64]:
    """Write whole numbers as varints of eight bytes; what is no such number is written as 0."""
    whole = np.fmin(np.fmax(values, 0.0), _LARGEST).astype(np.uint64)
    result: NDArray[np.uint64] = np.full(len(whole), _MORE, dtype=np.uint64)
    bits = int(whole.max()).bit_length() if len(whole) else 0
    for group in range((bits + 6) // 7):
        result |= ((whole >> np.uint64(7 * group)) & np.uint64(0x7F)) << np.uint64(8 * group)
    return result


_ENCODE: dict[int, Callable[[Floats], NDArray[Any]]] = {
    DOUBLE: lambda values: values,
    COUNT: padded,
    SECONDS: lambda values: padded(np.floor(values)),
    NANOS: lambda values: padded((values - np.floor(values)) * 1e9),
}


def _header(family: Family) -> bytes:
    head = sized(b"\x0a", family.name.encode())
    if family.help:
        head += sized(b"\x12", family.help.encode())
    head += b"\x18" + varint(TYPES.get(family.type, 1))
    if family.unit:
        head += sized(b"\x2a", family.unit.encode())
    return head
