"""Recovery of spooled snapshots: what a dead process left, as something to send."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamos_metrics.metrics import openmetrics
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.spool import file_lock
from dreamos_metrics.spool.spool_folder import FINAL, refuse
from dreamos_metrics.spool.values_reader import read_values

_MAX_ENTRY_BYTES = 64 << 20


@dataclass(frozen=True)
class Entry:
    """One snapshot to send.

    Attributes:
        header: url, job, agent, incarnation and interval of the process that left it.
        sequence: the number of its final push.
        uncertain: whether the process was killed.
        body: the OpenMetrics text, packed with gzip.
    """

    path: Path
    header: Mapping[str, Any]
    sequence: int
    uncertain: bool
    body: bytes


@contextlib.contextmanager
def claim(path: Path) -> Iterator[Entry | None]:
    """Open one file for sending; None when its owner lives, somebody else sends it, or it is
    damaged.

    While the context lasts nobody else gets it.
    """
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        yield None
        return
    try:
        if not file_lock.lock(fd) or not _is_same_file(fd, path):
            yield None
            return
        yield _read(fd, path)
    finally:
        os.close(fd)


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def _read(fd: int, path: Path) -> Entry | None:
    try:
        if os.fstat(fd).st_size > _MAX_ENTRY_BYTES:
            raise ValueError("too large")  # noqa: TRY301
        os.lseek(fd, 0, os.SEEK_SET)
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read()
        return _parse_final(path, data) if path.suffix == FINAL else _parse_live(path, data)
    except (OSError, ValueError) as error:
        record_error("spool_damaged", f"{path.name} is set aside: {error}")
        refuse(path)
        return None


def _parse_final(path: Path, data: bytes) -> Entry:
    first, _, body = data.partition(b"\n")
    header = json.loads(first)
    if not isinstance(header, dict):
        raise ValueError("not a final snapshot")  # noqa: TRY004 - damaged, not misused
    try:
        gzip.decompress(body)  # cut off, it would be refused by the service with nobody to tell
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"its body is damaged: {error}") from error
    return Entry(path, _checked(header), int(header.get("sequence", 1)), False, body)


def _parse_live(path: Path, data: bytes) -> Entry:
    values = read_values(data)
    pieces: list[str] = []
    for family, series in values.families:
        # Gauges end with their process.
        if family.kind in ("counter", "summary", "histogram"):
            pieces.append(openmetrics.family_comments(family))
            for labels, read in series:
                pieces.extend(openmetrics.sample_lines(family, labels, read, begun_only=True))
    pieces.append("# EOF\n")
    body = gzip.compress("".join(pieces).encode("utf-8"), compresslevel=1, mtime=0)
    return Entry(path, _checked(values.header), values.sequence + 1, True, body)


def _checked(header: Mapping[str, Any]) -> Mapping[str, Any]:
    if not all(isinstance(header.get(k), str) for k in ("url", "job", "agent", "incarnation")):
        raise ValueError("its header is incomplete")
    return header
