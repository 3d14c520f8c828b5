"""One memory-mapped file per live process: its values outlive it.

The file is a row of blocks. A names block holds records (a family, or a series with the place of its first slot),
each written once; a values block holds doubles. What a process has counted is in the operating system's page cache
the moment the addition is done, so `kill -9` takes nothing with it; a power loss may.

Layout, little-endian: magic, sequence number, size of the first block, length of the JSON header (8 bytes each), the
header; from there names. Every later block begins with its kind and its size in bytes (8 bytes each). A record is its
length (4 bytes, written last, so that a half-written record does not exist), then JSON.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamos.core.metrics import _filelock
from dreamos.core.metrics._cells import UNBORN, Cells

if TYPE_CHECKING:
    from dreamos.core.metrics._family import Family

MAGIC = b"DREAMOS1"
NAMES, VALUES = 1, 2
LIVE = ".live"
_HEAD = struct.Struct("<8sQQQ")
_BLOCK = struct.Struct("<QQ")
_LENGTH = struct.Struct("<I")
_SMALLEST = max(16384, mmap.ALLOCATIONGRANULARITY)
_LARGEST = 1 << 20
#: A process with more series than fit goes on in memory with the rest.
MAX_FILE = 64 << 20


class _Block:
    """A mapped part of the file and how much of it is used."""

    def __init__(self, view: mmap.mmap, start: int, used: int) -> None:
        self.view = view
        self.start = start
        self.used = used
        self.size = len(view)


class FileStore:
    """Hands out slots in the file of this process. Opens it when the first slot is asked for."""

    def __init__(self, folder: Path, header: Mapping[str, object]) -> None:
        self.path = folder / f"{header['incarnation']}{LIVE}"
        self._header = dict(header)
        self._lock_fd = -1
        self._fd = -1
        self._end = 0
        self._names: _Block | None = None
        self._values: _Block | None = None
        self._cells: Cells = UNBORN
        self._families: dict[str, int] = {}
        self._blocks: list[_Block] = []
        self._sequence = 0

    @property
    def is_open(self) -> bool:
        """Whether the file exists and is ours."""
        return self._fd >= 0

    def allocate(self, family: Family, labels: tuple[str, ...], width: int) -> tuple[Cells, int]:
        """Return fresh slots and write the series' name into the file.

        Raises:
            OSError: the folder cannot be written, the disk is full, or the file has its largest size.
        """
        if not self.is_open:
            self.open()
        block = self._values
        if block is None or block.used + 8 * width > block.size:
            block = self._values = self._add_block(VALUES, _BLOCK.size + 8 * width)
            self._cells = memoryview(block.view).cast("d")
        place = block.start + block.used
        self._write(self._record(family))
        self._write(["s", self._families[family.name], place, *labels])
        slot = block.used // 8
        block.used += 8 * width
        return self._cells, slot

    def _record(self, family: Family) -> list[Any]:
        if family.name in self._families:
            return []
        self._families[family.name] = len(self._families)
        return [
            "f",
            family.name,
            family.kind,
            family.documentation,
            family.unit,
            family.aggregate,
            list(family.labelnames),
            [bound for bound in family.bounds if bound != float("inf")],
        ]

    def note_sequence(self, sequence: int) -> None:
        """Keep the number of the push that is about to be sent: a successor's number must be higher."""
        self._sequence = sequence
        if self._blocks:
            struct.pack_into("<Q", self._blocks[0].view, 8, sequence)

    def open(self) -> None:
        """Create the file and take the owner's lock.

        It gets its name only when the lock is held, so nobody can mistake it for a dead process' file.

        Raises:
            OSError: the folder cannot be written or the disk is full.
        """
        # Windows cannot rename an open file; there the lock comes a moment after the name.
        birth = self.path if os.name == "nt" else self.path.with_suffix(".new")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._fd = os.open(birth, flags, 0o600)
        try:
            self._lock_fd = os.open(birth, os.O_RDWR | getattr(os, "O_BINARY", 0))
            _filelock.lock(self._lock_fd)
            text = json.dumps(self._header).encode("ascii")
            first = self._map(max(_SMALLEST, _round_up(_HEAD.size + len(text) + 64)))
            first.view[: _HEAD.size] = _HEAD.pack(MAGIC, self._sequence, first.size, len(text))
            first.view[_HEAD.size : _HEAD.size + len(text)] = text
            first.used = _HEAD.size + len(text)
            self._names = first
            if birth != self.path:
                birth.rename(self.path)
        except BaseException:
            birth.unlink(missing_ok=True)
            self.abandon()
            raise

    def _map(self, size: int) -> _Block:
        if self._end + size > MAX_FILE:
            raise OSError(f"{self.path.name} has its largest size, {MAX_FILE} bytes")
        _reserve(self._fd, self._end, size)
        block = _Block(mmap.mmap(self._fd, size, offset=self._end), self._end, 0)
        self._end += size
        self._blocks.append(block)
        return block

    def _add_block(self, kind: int, need: int) -> _Block:
        last = max((b.size for b in self._blocks), default=_SMALLEST)
        grown = min(_LARGEST, last if len(self._blocks) < 3 else 2 * last)
        block = self._map(max(grown, _round_up(need)))
        block.view[: _BLOCK.size] = _BLOCK.pack(kind, block.size)
        block.used = _BLOCK.size
        return block

    def _write(self, record: list[Any]) -> None:
        if not record:
            return
        payload = json.dumps(record, separators=(",", ":")).encode("ascii")
        need = _LENGTH.size + len(payload)
        block = self._names
        if block is None or block.used + need > block.size:
            block = self._names = self._add_block(NAMES, _BLOCK.size + need)
        start = block.used
        block.view[start + _LENGTH.size : start + need] = payload
        _LENGTH.pack_into(block.view, start, len(payload))
        block.used += need

    def remove(self) -> None:
        """Delete the file: its counts have arrived, or lie in the spool as a final snapshot."""
        if self.is_open:
            self.path.unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file without deleting it: whoever runs next sends it. Also in a forked process."""
        for fd in (self._lock_fd, self._fd):
            if fd >= 0:
                os.close(fd)
        self._lock_fd = self._fd = -1
        self._names = self._values = None
        self._blocks = []
        self._cells = UNBORN


def _reserve(fd: int, start: int, size: int) -> None:
    # Reserved, not only made longer: on a full disk an addition would end the process with SIGBUS.
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, start, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    os.ftruncate(fd, start + size)


def _round_up(size: int) -> int:
    return -(-size // _SMALLEST) * _SMALLEST


@dataclass(frozen=True)
class Left:
    """What a process left behind: its header, its last push and its series with their slots."""

    header: Mapping[str, Any]
    sequence: int
    families: list[tuple[Family, list[tuple[tuple[str, ...], list[float]]]]]


def read_left(data: bytes) -> Left:
    """Read a file as its process left it.

    Raises:
        ValueError: this is not such a file, or it is damaged.
    """
    try:
        return _read_left(data)
    except (struct.error, KeyError, IndexError, TypeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"damaged: {type(error).__name__}: {error}") from error


def _read_left(data: bytes) -> Left:
    from dreamos.core.metrics._family import Family

    magic, sequence, first, length = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise ValueError("not a file of this library")
    header = json.loads(data[_HEAD.size : _HEAD.size + length])
    families: list[tuple[Family, list[tuple[tuple[str, ...], list[float]]]]] = []
    for record in _records(data, _HEAD.size + length, first):
        if record[0] == "f":
            _, name, kind, documentation, unit, aggregate, labelnames, bounds = record
            family = Family(
                name,
                kind,
                documentation,
                tuple(labelnames),
                unit=unit,
                bounds=(*bounds, float("inf")) if bounds else (),
                aggregate=aggregate,
            )
            families.append((family, []))
        else:
            _, index, place, *labels = record
            family, series = families[index]
            slots = list(struct.unpack_from(f"<{family.width}d", data, place))
            series.append((tuple(labels), slots))
    return Left(header, sequence, families)


def _records(data: bytes, start: int, at: int) -> Iterator[list[Any]]:
    yield from _records_in(data, start, at)
    while _is_block(data, at):
        kind, size = _BLOCK.unpack_from(data, at)
        if kind == NAMES:
            yield from _records_in(data, at + _BLOCK.size, at + size)
        at += size


def _is_block(data: bytes, at: int) -> bool:
    if at + _BLOCK.size > len(data):
        return False
    kind, size = _BLOCK.unpack_from(data, at)
    return kind in (NAMES, VALUES) and size >= _SMALLEST and size % _SMALLEST == 0


def _records_in(data: bytes, at: int, end: int) -> Iterator[list[Any]]:
    while at + _LENGTH.size <= end:
        (length,) = _LENGTH.unpack_from(data, at)
        if not length:
            return
        if at + _LENGTH.size + length > end:
            raise ValueError("damaged: a record runs over the end of its block")
        record = json.loads(data[at + _LENGTH.size : at + _LENGTH.size + length])
        yield record
        at += _LENGTH.size + length
