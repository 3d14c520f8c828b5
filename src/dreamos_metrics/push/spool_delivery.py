"""Delivery of spooled snapshots: of processes killed, or ended while the service was away."""

from __future__ import annotations

import contextlib
import http.client
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.push.http import Connection, Response
from dreamos_metrics.push.protocol import OPENMETRICS, common_headers, group_path
from dreamos_metrics.spool import file_lock, recovery, spool_folder

#: Answers after which sending the same again is pointless.
_PERMANENT_REFUSALS = {400, 409, 413, 415}


@dataclass
class DeliveryReport:
    """What one round did.

    Attributes:
        sent: files that the service has taken.
        refused: files that it will never take; they are set aside.
        left: files that remain for later, those of running processes not counted.
        problem: why the round ended early; empty when it did not.
    """

    sent: int = 0
    refused: int = 0
    left: int = 0
    problem: str = ""


def send_spooled(
    folder: Path,
    url: str,
    token: str,
    *,
    seconds: float,
    connection: Connection | None = None,
    any_url: bool = False,
) -> DeliveryReport:
    """Send everything in the folder that has no living owner and was meant for `url`.

    Several processes may do this at the same time: each file is sent by one of them, and sending
    one twice would change nothing.

    Args:
        seconds: how long the round may take.
        any_url: send what was meant for other services too.
    """
    report = DeliveryReport()
    own = connection or Connection(url, seconds)
    until = monotonic() + seconds
    try:
        for path in spool_folder.waiting(folder):
            if report.problem or monotonic() >= until:
                report.left += not spool_folder.is_owned(path)
                continue
            with recovery.claim(path) as entry:
                if entry is None:
                    continue
                if not any_url and entry.header["url"].rstrip("/") != url.rstrip("/"):
                    report.left += 1
                    continue
                _deliver_entry(entry, own, token, max(0.1, until - monotonic()), report)
    finally:
        if connection is None:
            own.close()
    return report


def _deliver_entry(
    entry: recovery.Entry,
    connection: Connection,
    token: str,
    timeout: float,
    report: DeliveryReport,
) -> None:
    try:
        response = deliver(entry, connection, token, timeout)
    except (OSError, http.client.HTTPException) as error:
        report.problem = f"{type(error).__name__}: {error}"
        report.left += 1
        return
    if response.status == 200:
        with contextlib.suppress(OSError):
            entry.path.unlink()
        report.sent += 1
    elif response.status in _PERMANENT_REFUSALS:
        spool_folder.refuse(entry.path)
        record_error("spool_refused", f"{response.status}: {response.text.strip()[:300]}")
        report.refused += 1
    else:
        report.problem = f"{response.status}: {response.text.strip()[:300]}"
        report.left += 1


def deliver(entry: recovery.Entry, connection: Connection, token: str, timeout: float) -> Response:
    """Send one entry as the final push of its incarnation and return the response.

    A killed process' values go by POST: families of other libraries, which the file does not hold,
    keep what the process pushed last.

    Raises:
        OSError: the service cannot be reached or did not answer in time.
        http.client.HTTPException: what came back is not HTTP.
    """
    headers = {
        **common_headers(token),
        "Content-Type": OPENMETRICS,
        "Content-Encoding": "gzip",
        "Dreamos-Sequence": str(entry.sequence),
        "Dreamos-Final": "1",
    }
    if entry.uncertain:
        headers["Dreamos-Uncertain"] = "1"
    path = group_path(entry.header["job"], entry.header["agent"], entry.header["incarnation"])
    method = "POST" if entry.uncertain else "PUT"
    return connection.request(method, path, entry.body, headers, timeout)


@contextlib.contextmanager
def scan_lock(folder: Path) -> Iterator[bool]:
    """Yield whether nobody else goes through the folder at this moment."""
    try:
        fd = os.open(folder / ".scan", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield False
        return
    try:
        yield file_lock.lock(fd)
    finally:
        os.close(fd)
