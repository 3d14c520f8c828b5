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
from dreamos_metrics.metrics.limits import Limits
from dreamos_metrics.push.http import Connection, Response
from dreamos_metrics.push.protocol import ENDED_AGO, OPENMETRICS, common_headers, group_path
from dreamos_metrics.push.refusals import note_rejected_families
from dreamos_metrics.spool import file_lock, owner, recovery, spool_folder

#: Answers after which sending the same again is pointless.
_PERMANENT_REFUSALS = {400, 409, 411, 413, 414, 415, 422, 431}
#: Answers that every other entry would be given too, beside those above 499.
_ROUND_ENDS = {401, 403}
#: Entries that are put off for later in one round, at most; each took a request.
_MAX_PUT_OFF = 50


@dataclass
class DeliveryReport:
    """What one round did.

    Attributes:
        sent: files that the service has taken.
        refused: files that it will never take; they are set aside.
        left: files that remain for later, those of running processes not counted.
        put_off: those of them that the service did not take now, for a reason of their own.
        problem: why the round ended early; empty when it did not.
    """

    sent: int = 0
    refused: int = 0
    left: int = 0
    put_off: int = 0
    problem: str = ""


def send_spooled(
    folder: Path,
    url: str,
    token: str,
    *,
    seconds: float,
    connection: Connection | None = None,
    any_url: bool = False,
    limits: Limits | None = None,
) -> DeliveryReport:
    """Send everything in the folder that has no living owner and was meant for `url`.

    Several processes may do this at the same time: each file is sent by one of them, and sending
    one twice would change nothing.

    Args:
        seconds: how long the round may take.
        any_url: send what was meant for other services too.
        limits: what the service takes, as far as it is known.

    Raises:
        OSError: others can put files into the folder, so nothing in it is to be trusted.
    """
    spool_folder.check_folder(folder)
    report = DeliveryReport()
    own = connection or Connection(url, seconds)
    until = monotonic() + seconds
    try:
        for path in spool_folder.waiting(folder):
            if report.problem or monotonic() >= until:
                report.left += not spool_folder.is_owned(path)
                continue
            with recovery.claim(path, limits) as entry:
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
    except Exception as error:  # noqa: BLE001 - whatever it is, the others must not wait for it
        _set_aside(entry, f"{type(error).__name__} when it was sent", report)
        return
    text = f"{response.status}: {response.text.strip()[:300]}"
    if response.status == 200:
        note_rejected_families(response, entry.header["agent"])
        _forget(entry)
        report.sent += 1
    elif response.status in _PERMANENT_REFUSALS:
        _set_aside(entry, text, report)
    elif response.status in _ROUND_ENDS or response.status >= 500:
        report.problem = text
        report.left += 1
    else:
        # 404, 429 and whatever else may be about this entry alone.
        record_error("spool_put_off", f"{entry.path.name}: {text}")
        spool_folder.postpone(entry.path)
        report.left += 1
        report.put_off += 1
        if report.put_off >= _MAX_PUT_OFF:
            report.problem = text


def _set_aside(entry: recovery.Entry, reason: str, report: DeliveryReport) -> None:
    spool_folder.refuse(entry.path)
    record_error("spool_refused", reason)
    report.refused += 1


def _forget(entry: recovery.Entry) -> None:
    """Delete an entry that was taken; keep what it held when its process may live all the same."""
    with contextlib.suppress(OSError):
        if entry.uncertain and owner.lives(entry.header) is None:
            spool_folder.write_sent(entry.path.parent, entry.header["incarnation"], entry.values)
        entry.path.unlink()


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
        # Whoever ended last tells how the agent ended, not whoever is told of last.
        ENDED_AGO: f"{entry.seconds_ago:.3f}",
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
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        fd = os.open(folder / ".scan", flags, 0o600)
    except OSError:
        yield False
        return
    try:
        yield file_lock.lock(fd)
    finally:
        os.close(fd)
