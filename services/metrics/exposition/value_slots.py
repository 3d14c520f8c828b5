"""The rooms of a message: where the value of each slot stands in it, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.metrics.exposition.messages import COUNT, DOUBLE, KINDS, NANOS, SECONDS
from services.metrics.exposition.regions import Placed
from services.metrics.series.series_list import Floats, Ints

_MORE = np.uint64(0x0080808080808080)
"""Seven bytes say that another one follows, the eighth ends the number."""
_LARGEST = float(2**56 - 1)


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


class ValueSlots:
    """Where values are put. Each table has at most one room for a slot, -1 for none.

    A slot may have two rooms of a kind: the last bucket of a histogram is its count as well. So
    there may be two tables of it.
    """

    def __init__(self) -> None:
        self._tables: dict[int, list[Ints]] = {kind: [] for kind in KINDS}

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
                    room: NDArray[Any] = np.ndarray(
                        (len(buffer) - 7,),
                        dtype="<f8" if kind == DOUBLE else "<u8",
                        buffer=buffer,
                        strides=(1,),
                    )
                    room[offsets] = _ENCODE[kind](values[mine])


def _grown(table: Ints, slots: int) -> Ints:
    more = slots - len(table)
    return np.concatenate([table, np.full(more, -1, dtype=np.intp)]) if more > 0 else table
