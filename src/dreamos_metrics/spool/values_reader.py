"""Reader of a values file, as its process left it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.spool.layout import (
    BLOCK,
    HEAD,
    LENGTH,
    MAGIC,
    MIN_BLOCK_BYTES,
    NAMES,
    VALUES,
    WORD,
)


@dataclass(frozen=True)
class RecoveredValues:
    """Values of a process that ended: its header, its last push's number, its series and slots."""

    header: Mapping[str, Any]
    sequence: int
    families: list[tuple[Definition, list[RecoveredSeries]]]


class RecoveredSeries:
    """A series of a process that ended: its label values, its slots, and where they lie.

    A series that is younger lies further behind.
    """

    __slots__ = ("_slots", "_values", "place")

    def __init__(self, values: tuple[str, ...], slots: list[float], place: int = 0) -> None:
        self._values = values
        self._slots = slots
        self.place = place

    def _read(self) -> list[float]:
        return self._slots


def read_values(data: bytes) -> RecoveredValues:
    """Read a file as its process left it.

    Raises:
        ValueError: this is not such a file, or it is damaged.
    """
    try:
        return _parse(data)
    except (
        *(struct.error, KeyError, IndexError, TypeError, AttributeError, UnicodeError),
        *(OverflowError, RecursionError, MemoryError),
    ) as error:
        raise ValueError(f"damaged: {type(error).__name__}: {error}") from error


def _parse(data: bytes) -> RecoveredValues:
    magic, sequence, first, length = HEAD.unpack_from(data)
    if magic != MAGIC:
        raise ValueError("not a file of this library")
    header = json.loads(data[HEAD.size : HEAD.size + length])
    families: list[tuple[Definition, list[RecoveredSeries]]] = []
    slots_left = len(data) // WORD
    for record in _records(data, HEAD.size + length, first):
        if record[0] == "f":
            _, name, kind, documentation, unit, aggregate, labelnames, bounds = record
            _texts(name, kind, documentation, unit, aggregate)
            family = Definition(
                name,
                kind,
                documentation,
                _texts(*labelnames),
                unit=unit,
                bounds=(*map(float, bounds), float("inf")) if bounds else (),
                aggregate=aggregate,
            )
            families.append((family, []))
        else:
            _, index, place, *labels = record
            family, series = families[index]
            # Each slot belongs to one series: more than the file has bytes for is damage.
            slots_left -= family.slot_count
            if slots_left < 0 or index < 0 or len(labels) != len(family.labelnames):
                raise ValueError("damaged: a series that cannot be")
            slots = list(struct.unpack_from(f"<{family.slot_count}d", data, place))
            series.append(RecoveredSeries(_texts(*labels), slots, place))
    return RecoveredValues(header, sequence, families)


def _texts(*found: object) -> tuple[str, ...]:
    if not all(isinstance(text, str) for text in found):
        raise ValueError("damaged: a name is no text")
    return found  # type: ignore[return-value]


def _records(data: bytes, start: int, at: int) -> Iterator[list[Any]]:
    yield from _records_in(data, start, at)
    while _is_block(data, at):
        kind, size = BLOCK.unpack_from(data, at)
        if kind == NAMES:
            yield from _records_in(data, at + BLOCK.size, at + size)
        at += size


def _is_block(data: bytes, at: int) -> bool:
    if at + BLOCK.size > len(data):
        return False
    kind, size = BLOCK.unpack_from(data, at)
    return kind in (NAMES, VALUES) and size >= MIN_BLOCK_BYTES and size % MIN_BLOCK_BYTES == 0


def _records_in(data: bytes, at: int, end: int) -> Iterator[list[Any]]:
    while at + LENGTH.size <= end:
        (length,) = LENGTH.unpack_from(data, at)
        if not length:
            return
        if at + LENGTH.size + length > end:
            raise ValueError("damaged: a record runs over the end of its block")
        record = json.loads(data[at + LENGTH.size : at + LENGTH.size + length])
        yield record
        at += LENGTH.size + length
