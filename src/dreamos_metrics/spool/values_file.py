"""Values file: the memory-mapped values of one live process, which outlive it.

What a process has counted is in the operating system's page cache the moment the addition is done,
so `kill -9` takes nothing with it; a power loss may. The bytes are described in `layout`.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreamos_metrics.metrics.definition import Definition
from dreamos_metrics.metrics.storage import UNALLOCATED, Segment
from dreamos_metrics.spool import file_lock
from dreamos_metrics.spool.descriptors import OpenFile
from dreamos_metrics.spool.layout import (
    BLOCK,
    HEAD,
    LENGTH,
    MAGIC,
    MAX_BLOCK_BYTES,
    MIN_BLOCK_BYTES,
    NAMES,
    SEQUENCE_OFFSET,
    VALUES,
    WORD,
)

LIVE = ".live"
#: A process with more series than fit goes on in memory with the rest.
MAX_FILE_BYTES = 64 << 20

#: Mappings whose own descriptor somebody else closed. It may be theirs by now, and a mapping that
#: goes away closes it.
_kept_for_ever: list[mmap.mmap] = []


class _Block:
    """A mapped part of the file and how much of it is used."""

    def __init__(self, view: mmap.mmap, start: int, used: int) -> None:
        self.view = view
        # One assignment to an item is one store of the machine, which a kill cannot split;
        # `struct.pack_into` clears the bytes first.
        self.words = memoryview(view).cast("Q")
        self.halves = memoryview(view).cast("I")
        self.start = start
        self.used = used
        self.size = len(view)


class FileStorage:
    """Hands out slots in the file of this process. Opens it when the first slot is asked for."""

    def __init__(self, folder: Path, header: Mapping[str, object]) -> None:
        self.path = folder / f"{header['incarnation']}{LIVE}"
        self._header = dict(header)
        self._lock: OpenFile | None = None
        self._file: OpenFile | None = None
        self._end = 0
        self._names: _Block | None = None
        self._values: _Block | None = None
        self._segment: Segment = UNALLOCATED
        self._families: dict[str, int] = {}
        self._blocks: list[_Block] = []
        self._sequence = 0
        self._descriptors_were_closed = False

    @property
    def is_open(self) -> bool:
        """Whether the file was made and not let go of."""
        return self._file is not None

    def allocate(
        self, definition: Definition, labels: tuple[str, ...], slot_count: int
    ) -> tuple[Segment, int]:
        """Return fresh slots and write the series' name into the file.

        Raises:
            OSError: the folder cannot be written, the disk is full, or the file has its largest
                size.
        """
        if not self.is_open:
            self.open()
        block = self._values
        if block is None or block.used + 8 * slot_count > block.size:
            block = self._values = self._add_block(VALUES, BLOCK.size + 8 * slot_count)
            self._segment = memoryview(block.view).cast("d")
        place = block.start + block.used
        self._write(self._family_record(definition))
        self._write(["s", self._families[definition.name], place, *labels])
        slot = block.used // 8
        block.used += 8 * slot_count
        return self._segment, slot

    def _family_record(self, definition: Definition) -> list[Any]:
        if definition.name in self._families:
            return []
        self._families[definition.name] = len(self._families)
        return [
            "f",
            definition.name,
            definition.kind,
            definition.documentation,
            definition.unit,
            definition.aggregate,
            list(definition.labelnames),
            [bound for bound in definition.bounds if bound != float("inf")],
        ]

    def record_sequence(self, sequence: int) -> None:
        """Keep the number of the push about to be sent: a successor's number must be higher."""
        self._sequence = sequence
        if self._blocks:
            self._blocks[0].words[SEQUENCE_OFFSET // WORD] = _little_endian(sequence, WORD)
        if self._lock is not None:
            # A mapped file's time of change stands still: this says when its process last lived.
            self._lock.touch()

    def holds_lock(self) -> bool:
        """Whether the file is still ours: nobody closed its descriptors behind our back."""
        return self._lock is None or self._lock.is_ours()

    def take_lock_again(self) -> bool:
        """Open the file and lock it anew; False when it is gone, or somebody is sending it."""
        if self._lock is None:
            return False
        opened = OpenFile(os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0)))
        if not opened.same_file(self._lock) or not file_lock.lock(opened.fd):
            opened.close()
            return False
        self._lock = opened
        self._descriptors_were_closed = True
        if self._file is not None and not self._file.is_ours():
            self._file = OpenFile(os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0)))
        return True

    def open(self) -> None:
        """Create the file and take the owner's lock.

        It gets its name only when the lock is held, so nobody can mistake it for a dead process'
        file.

        Raises:
            OSError: the folder cannot be written or the disk is full.
        """
        # Windows cannot rename an open file; there the lock comes a moment after the name.
        created = self.path if os.name == "nt" else self.path.with_suffix(".new")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = OpenFile(os.open(created, flags, 0o600))
        try:
            self._lock = OpenFile(os.open(created, os.O_RDWR | getattr(os, "O_BINARY", 0)))
            file_lock.lock(self._lock.fd)
            text = _padded(json.dumps(self._header).encode("ascii"), WORD)
            first = self._map(max(MIN_BLOCK_BYTES, _round_up(HEAD.size + len(text) + 64)))
            first.view[: HEAD.size] = HEAD.pack(MAGIC, self._sequence, first.size, len(text))
            first.view[HEAD.size : HEAD.size + len(text)] = text
            first.used = HEAD.size + len(text)
            self._names = first
            if created != self.path:
                created.rename(self.path)
        except BaseException:
            created.unlink(missing_ok=True)
            self.abandon()
            raise

    def _map(self, size: int) -> _Block:
        if self._end + size > MAX_FILE_BYTES:
            raise OSError(f"{self.path.name} has its largest size, {MAX_FILE_BYTES} bytes")
        if self._file is None or not self._file.is_ours():
            raise OSError(f"{self.path.name}: its descriptor was closed by somebody else")
        _reserve(self._file.fd, self._end, size)
        block = _Block(mmap.mmap(self._file.fd, size, offset=self._end), self._end, 0)
        self._end += size
        self._blocks.append(block)
        return block

    def _add_block(self, kind: int, need: int) -> _Block:
        last = max((b.size for b in self._blocks), default=MIN_BLOCK_BYTES)
        grown = min(MAX_BLOCK_BYTES, last if len(self._blocks) < 3 else 2 * last)
        block = self._map(max(grown, _round_up(need)))
        # The kind comes last: without it there is no block.
        block.words[1] = _little_endian(block.size, WORD)
        block.words[0] = _little_endian(kind, WORD)
        block.used = BLOCK.size
        return block

    def _write(self, record: list[Any]) -> None:
        if not record:
            return
        payload = json.dumps(record, separators=(",", ":")).encode("ascii")
        payload = _padded(payload, LENGTH.size)
        need = LENGTH.size + len(payload)
        block = self._names
        if block is None or block.used + need > block.size:
            block = self._names = self._add_block(NAMES, BLOCK.size + need)
        start = block.used
        block.view[start + LENGTH.size : start + need] = payload
        block.halves[start // LENGTH.size] = _little_endian(len(payload), LENGTH.size)
        block.used += need

    def remove(self) -> None:
        """Delete the file: its counts have arrived, or lie in the spool as a final snapshot."""
        if self.is_open:
            self.path.unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Close the file and leave it: whoever runs next sends it. Also in a forked process."""
        if self._descriptors_were_closed or not self.holds_lock():
            _kept_for_ever.extend(block.view for block in self._blocks)
        for opened in (self._lock, self._file):
            if opened is not None:
                opened.close()
        self._lock = self._file = None
        self._names = self._values = None
        self._blocks = []
        self._segment = UNALLOCATED


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


def _padded(payload: bytes, to: int) -> bytes:
    """Return JSON with blanks behind it, so that what follows lies on a multiple of `to`."""
    return payload + b" " * (-len(payload) % to)


def _little_endian(value: int, size: int) -> int:
    return (
        value
        if sys.byteorder == "little"
        else int.from_bytes(value.to_bytes(size, "little"), "big")
    )


def _round_up(size: int) -> int:
    return -(-size // MIN_BLOCK_BYTES) * MIN_BLOCK_BYTES
