"""The audit log: one JSON line for each change that is not a plain push.

What is written: a deletion, an administrative call, a refused token, and tokens and probes
that were read again because their file changed. Never a token, never the query of a request.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, get_args

from flask import Request, Response, g, request
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric

from services.metrics.errors import Rejected

Action = Literal["admin", "delete", "reload", "token_refused"]

FILE_NAME = "audit.jsonl"
MAX_BYTES = 10 * 1024 * 1024
KEPT = 5
MAX_TARGET = 500
"""Longest target in a record, in characters; a longer one is cut."""
WINDOW_SECONDS = 60.0
"""Time in which the records of an address are counted."""
MANY = 60
"""Records of one address and kind in that time; 10 MB, six times over, are then weeks."""
ONCE = 1
"""The same for what changes nothing and can be done without end."""
MAX_WINDOWS = 10_000

_READS = ("GET", "HEAD", "OPTIONS")
_TOKEN_REASONS = ("unauthorized", "forbidden", "throttled")
_ONCE = ("throttled", "stale")
_log = logging.getLogger("dreamos.metrics.audit")


class AuditLog:
    """Appends records to a file, which is rotated by size and readable by its owner only.

    A record that cannot be written is counted and reported once in the service's own log; the
    request that it is about goes on.

    Args:
        folder: where the file is; the rotated ones are beside it, ``.1`` being the newest.
        publish: is given the log's own metrics whenever they change.
        max_bytes: size in bytes after which the file is rotated.
        kept: number of rotated files.
    """

    def __init__(
        self,
        folder: Path,
        publish: Callable[[Iterable[Metric]], None],
        max_bytes: int = MAX_BYTES,
        kept: int = KEPT,
    ) -> None:
        self.path = folder / FILE_NAME
        self._publish = publish
        self._max_bytes = max_bytes
        self._kept = kept
        self._lock = threading.Lock()
        self._failing = False
        self._registry = CollectorRegistry(auto_describe=False)
        self._records = Counter(
            "dreamos_audit_records_total",
            "Changes that are not plain pushes, by what was done or tried.",
            ["action"],
            registry=self._registry,
        )
        self._errors = Counter(
            "dreamos_audit_errors_total",
            "Audit records that could not be written to the file.",
            registry=self._registry,
        )
        for action in get_args(Action):
            self._records.labels(action)
        publish(self._registry.collect())

    def record(
        self,
        action: Action,
        actor: str,
        target: str,
        outcome: str,
        reason: str = "",
        token: str = "",
    ) -> None:
        """Write one record. Never raises.

        Args:
            action: what was done or tried.
            actor: the address it came from; ``service`` for what the service did by itself.
            target: method and path of the request, or what was read again.
            outcome: ``accepted``, ``stale``, ``refused`` or ``failed``.
            reason: why, when it was not accepted; else a word on what happened.
            token: name of the token that was used.
        """
        fields = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "action": action,
            "actor": actor,
            "target": target if len(target) <= MAX_TARGET else target[:MAX_TARGET] + "…",
            "outcome": outcome,
            "reason": reason,
        }
        if token:
            fields["token"] = token
        line = json.dumps(fields)
        with self._lock:
            self._records.labels(action).inc()
            try:
                self._append(line.encode("ascii") + b"\n")
            except OSError as error:
                self._note_failure(error)
            else:
                self._failing = False
        self._publish(self._registry.collect())

    def _note_failure(self, error: OSError) -> None:
        self._errors.inc()
        if not self._failing:
            _log.error("the audit log cannot be written: %s; records are lost", error.strerror)
        self._failing = True

    def _append(self, line: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size + len(line) > self._max_bytes:
                self._rotate()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(handle).st_size
            if os.write(handle, line) != len(line):  # the disk became full within the line
                os.ftruncate(handle, before)
                raise OSError(0, "no space left for a whole record")
        finally:
            os.close(handle)

    def _rotate(self) -> None:
        names = [self.path, *(Path(f"{self.path}.{n}") for n in range(1, self._kept + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)


class Watch:
    """Decides which requests are recorded, and records them.

    What anybody can do without end (guess tokens, delete what is not there) is recorded once in a
    while, and everything else at most so often for each address, so that nobody pushes the records
    of others out of the log.

    Args:
        log: where records go.
        redact: takes the service's tokens out of a text.
        clock: seconds; replaceable for tests.
    """

    def __init__(
        self,
        log: AuditLog,
        redact: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._redact = redact
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], _Window] = {}

    def after(self, response: Response) -> Response:
        """Look at a request that has been answered; for ``Flask.after_request``."""
        rejection: Rejected | None = g.get("rejection")
        action = _action(request, rejection)
        if action is None:
            return response
        actor = request.remote_addr or "unknown"
        target = self._redact(f"{request.method} {request.path}")
        if response.status_code < 400:
            outcome, reason = response.headers.get("Dreamos-Result", "accepted"), ""
        else:
            reason = str(rejection) if rejection else f"HTTP {response.status_code}"
            outcome, reason = "refused", self._redact(reason)
        kind = _kind(rejection, outcome)
        left_out = self._left_out(actor, kind)
        if left_out is None:
            return response
        if left_out:
            reason = f"{reason}; {left_out} more like it before".removeprefix("; ")
        token = g.get("token")
        name = token.name if token is not None else ""
        self._log.record(action, actor, target, outcome, reason, name)
        return response

    def _left_out(self, actor: str, kind: str) -> int | None:
        """Return how many records were left out before this one, None to leave it out too."""
        now = self._clock()
        with self._lock:
            window = self._windows.pop((actor, kind), None) or _Window(now)
            if len(self._windows) >= MAX_WINDOWS:
                self._windows.pop(next(iter(self._windows)))
            self._windows[actor, kind] = window
            return window.count(now, ONCE if kind in _ONCE else MANY)


class _Window:
    """How many records of one kind an address has made in the last minute."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._written = 0
        self._left_out = 0

    def count(self, now: float, most: int) -> int | None:
        if now - self._began >= WINDOW_SECONDS:
            self._began, self._written = now, 0
        if self._written >= most:
            self._left_out += 1
            return None
        self._written += 1
        before, self._left_out = self._left_out, 0
        return before


def _kind(rejection: Rejected | None, outcome: str) -> str:
    return rejection.reason if rejection is not None else outcome


def _action(asked: Request, rejection: Rejected | None) -> Action | None:
    """Return what the request did or tried, None for what is not recorded."""
    if rejection is not None and rejection.reason in _TOKEN_REASONS:
        return "token_refused"
    if asked.method in _READS or asked.url_rule is None:
        return None
    if asked.path.startswith("/metrics/"):
        return "delete" if asked.method == "DELETE" else None
    return "admin"
