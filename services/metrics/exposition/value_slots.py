"""Where the value of each slot of a layout stands in a message, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.metrics.exposition.messages import COUNT, DOUBLE, KINDS, NANOS, SECONDS
from services.metrics.exposition.regions import Placed
from services.metrics.series.series_list import Floats, Ints

_MORE = 0x80
"""Set in a byte of a number that another one follows."""
_SEVEN_MORE = np.uint64(0x0080_8080_8080_8080)
_EIGHT_MORE = np.uint64(0x8080_8080_8080_8080)
_SHORT_BITS = 56
"""Of a number that eight bytes hold, seven in each."""
_LARGEST = {_SEVEN_MORE: float(2**_SHORT_BITS - 8), _EIGHT_MORE: float(2**64 - 2_048)}
"""The largest float64 that still fits; what is above is written as that."""


def padded(values: Floats, more: np.uint64 = _SEVEN_MORE) -> NDArray[np.uint64]:
    """Write whole numbers as varints: the lowest 56 bits, in eight bytes.

    Args:
        values: what is below 0 or not a number is written as 0.
        more: says of each of the bytes whether another one follows it.
    """
    whole = np.fmin(np.fmax(values, 0.0), _LARGEST[more]).astype(np.uint64)
    result: NDArray[np.uint64] = np.full(len(whole), more, dtype=np.uint64)
    bits = min(_SHORT_BITS, int(whole.max()).bit_length() if len(whole) else 0)
    for group in range((bits + 6) // 7):
        result |= ((whole >> np.uint64(7 * group)) & np.uint64(0x7F)) << np.uint64(8 * group)
    return result


def tail(values: Floats) -> NDArray[np.uint16]:
    """Write the two bytes that follow :func:`padded` in a number of ten: the highest 8 bits."""
    whole = np.fmin(np.fmax(values, 0.0), _LARGEST[_EIGHT_MORE]).astype(np.uint64)
    rest = (whole >> np.uint64(_SHORT_BITS)).astype(np.uint16)
    found: NDArray[np.uint16] = (rest & 0x7F) | _MORE | (rest >> 7 << 8)
    return found


_ENCODE: dict[int, Callable[[Floats], NDArray[Any]]] = {
    DOUBLE: lambda values: values,
    COUNT: lambda values: padded(values, _EIGHT_MORE),
    SECONDS: lambda values: padded(np.floor(values)),
    NANOS: lambda values: padded((values - np.floor(values)) * 1e9),
}


class ValueSlots:
    """Offsets in a message. Each table has at most one for a slot of the layout, -1 for none.

    A slot may stand twice as one kind: the last bucket of a histogram is its count as well. So there
    may be two tables of a kind.
    """

    def __init__(self) -> None:
        self._tables: dict[int, list[Ints]] = {kind: [] for kind in KINDS}
        self._tails = False
        """A count has been put in that eight bytes do not hold; from then on all ten are written.
        Until then the last two say what they said in the chunk: nothing more."""

    def register(self, placed: Sequence[Placed], slots: int) -> Ints:
        """Take over where chunks stand now.

        Args:
            placed: the chunks that are new or stand elsewhere.
            slots: how many there are in all.

        Returns:
            The slots of these chunks, whose values have to be put there.
        """
        for tables in self._tables.values():
            tables[:] = [_grown(table, slots) for table in tables]
        if not placed:
            return np.zeros(0, dtype=np.intp)
        lengths = [len(one.chunk.kinds) for one in placed]
        kinds = np.concatenate([one.chunk.kinds for one in placed])
        offsets = np.concatenate([one.chunk.offsets for one in placed])
        offsets += np.repeat([one.at for one in placed], lengths)
        where = np.concatenate([one.chunk.entries for one in placed])
        where += np.repeat([one.base for one in placed], lengths)
        for kind, tables in self._tables.items():
            mine = kinds == kind
            self._enter(tables, where[mine], offsets[mine], slots)
        return where

    @staticmethod
    def _enter(tables: list[Ints], where: Ints, offsets: Ints, slots: int) -> None:
        number = 0
        while len(where):
            if number == len(tables):
                tables.append(np.full(slots, -1, dtype=np.intp))
            table = tables[number]
            table[where] = offsets
            further = table[where] != offsets
            where, offsets = where[further], offsets[further]
            number += 1

    def put(self, buffer: bytearray, slots: Ints, values: Floats) -> None:
        """Put values into the message.

        Args:
            buffer: the message.
            slots: which.
            values: one for each of the slots.
        """
        if not len(slots):
            return
        for kind, tables in self._tables.items():
            for table in tables:
                offsets = table[slots]
                mine = offsets >= 0
                offsets = offsets[mine]
                if len(offsets):
                    self._put(buffer, kind, offsets, values[mine])

    def _put(self, buffer: bytearray, kind: int, offsets: Ints, values: Floats) -> None:
        _at_any_place(buffer, "<f8" if kind == DOUBLE else "<u8")[offsets] = _ENCODE[kind](values)
        if kind != COUNT:
            return
        self._tails = self._tails or float(values.max()) >= 2.0**_SHORT_BITS
        if self._tails:
            _at_any_place(buffer, "<u2")[offsets + 8] = tail(values)


def _at_any_place(buffer: bytearray, kind: str) -> NDArray[Any]:
    """Return a buffer as numbers of which one begins at every byte."""
    size = np.dtype(kind).itemsize
    found: NDArray[Any] = np.ndarray(
        (len(buffer) - size + 1,), dtype=kind, buffer=buffer, strides=(1,)
    )
    return found


def _grown(table: Ints, slots: int) -> Ints:
    more = slots - len(table)
    return np.concatenate([table, np.full(more, -1, dtype=np.intp)]) if more > 0 else table
