"""Recovery of spooled snapshots: what a dead process left, as something to send."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamos_metrics.metrics import openmetrics
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.limits import Limits
from dreamos_metrics.spool import file_lock, owner
from dreamos_metrics.spool.fold_marks import as_shown
from dreamos_metrics.spool.spool_folder import FINAL, open_entry, refuse
from dreamos_metrics.spool.values_reader import read_values

_MAX_ENTRY_BYTES = 64 << 20
_MAX_HEADER_BYTES = 64 << 10
_MAX_SEQUENCE = 10**17


@dataclass(frozen=True)
class Entry:
    """One snapshot to send.

    Attributes:
        header: url, job, agent, incarnation and interval of the process that left it.
        sequence: the number of its final push.
        uncertain: whether the process was killed.
        body: the OpenMetrics text, packed with gzip.
        ended: when the process was last known to live, Unix time.
        values: a killed process' file as it was read; empty for a final snapshot.
    """

    path: Path
    header: Mapping[str, Any]
    sequence: int
    uncertain: bool
    body: bytes
    ended: float = 0.0
    values: bytes = b""

    @property
    def seconds_ago(self) -> float:
        """How long ago the process ended, by the clock of this machine."""
        return max(0.0, time.time() - self.ended)


@contextlib.contextmanager
def claim(path: Path, limits: Limits | None = None) -> Iterator[Entry | None]:
    """Open one file for sending; None when its owner lives, somebody else sends it, or it is
    damaged.

    While the context lasts nobody else gets it. `limits` are the service's, as far as known.
    """
    try:
        fd = open_entry(path)
    except OSError:
        yield None
        return
    try:
        if not file_lock.lock(fd) or not _is_same_file(fd, path):
            yield None
            return
        yield _read(fd, path, limits or Limits())
    finally:
        os.close(fd)


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except OSError:
        return False


def _read(fd: int, path: Path, limits: Limits) -> Entry | None:
    try:
        status = os.fstat(fd)
        if status.st_size > _MAX_ENTRY_BYTES:
            raise ValueError("too large")  # noqa: TRY301
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(_MAX_ENTRY_BYTES)
        if path.suffix == FINAL:
            return _parse_final(path, data, status.st_mtime)
        return _parse_live(path, data, status.st_mtime, limits)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, others must not wait
        record_error("spool_damaged", f"{path.name} is set aside: {type(error).__name__}: {error}")
        refuse(path)
        return None


def _parse_final(path: Path, data: bytes, changed: float) -> Entry:
    first, _, body = data.partition(b"\n")
    if len(first) > _MAX_HEADER_BYTES:
        raise ValueError("its header is too long")
    header = json.loads(first)
    if not isinstance(header, dict):
        raise ValueError("not a final snapshot")  # noqa: TRY004 - damaged, not misused
    _check_packed(body)
    ended = header.get("ended", changed)
    if not isinstance(ended, int | float) or not math.isfinite(ended):
        raise ValueError("the time of its end is no time")
    return Entry(path, _checked(header), _sequence(header.get("sequence")), False, body, ended)


def _check_packed(body: bytes) -> None:
    # Cut off, it would be refused by the service with nobody to tell.
    unpacker = zlib.decompressobj(wbits=31)
    try:
        size = len(unpacker.decompress(body, _MAX_ENTRY_BYTES + 1))
    except zlib.error as error:
        raise ValueError(f"its body is damaged: {error}") from error
    if size > _MAX_ENTRY_BYTES:
        raise ValueError("its body unfolds to too much")
    if not unpacker.eof:
        raise ValueError("its body is damaged: it is cut off")


def _parse_live(path: Path, data: bytes, changed: float, limits: Limits) -> Entry | None:
    values = read_values(data)
    header = _checked(values.header)
    if owner.lives(header):
        return None  # its descriptors were closed behind its back; it will lock the file again
    fitted = as_shown(values.families, limits)
    pieces: list[str] = []
    for family, found in fitted:
        pieces.append(openmetrics.family_comments(family))
        for series in found:
            read = series._read()
            pieces.extend(openmetrics.sample_lines(family, series._values, read, begun_only=True))
    pieces.append("# EOF\n")
    body = gzip.compress("".join(pieces).encode("utf-8"), compresslevel=1, mtime=0)
    started = header.get("started")
    if isinstance(started, int | float) and math.isfinite(started):
        changed = max(changed, started)
    sequence = _sequence(values.sequence + 1)
    return Entry(path, header, sequence, True, body, changed, data)


def _sequence(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < _MAX_SEQUENCE:
        raise ValueError(f"the number of its push is {str(number)[:40]!r}")
    return number


def _checked(header: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(header, Mapping):
        raise ValueError("its header is no table")  # noqa: TRY004 - damaged, not misused
    names = ("url", "job", "agent", "incarnation")
    if not all(isinstance(header.get(name), str) and header[name] for name in names):
        raise ValueError("its header is incomplete")
    if len(header["incarnation"]) > 64:
        raise ValueError("the name of its incarnation is too long")
    return header
