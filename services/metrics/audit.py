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

from flask import Flask, Request, Response, g, request
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric

from services.metrics.errors import Rejected

Action = Literal["admin", "delete", "reload", "token_refused"]

FILE_NAME = "audit.jsonl"
MAX_BYTES = 10 * 1024 * 1024
KEPT = 5
MAX_TARGET = 500
"""Longest target in a record, in characters; a longer one is cut."""
THROTTLE_WINDOW = 60.0
"""Seconds in which the refusals of a throttled address are one record."""

_READS = ("GET", "HEAD", "OPTIONS")
_TOKEN_REASONS = ("unauthorized", "throttled")
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
        self, action: Action, actor: str, target: str, outcome: str, reason: str = ""
    ) -> None:
        """Write one record. Never raises.

        Args:
            action: what was done or tried.
            actor: the address it came from; ``service`` for what the service did by itself.
            target: method and path of the request, or what was read again.
            outcome: ``accepted``, ``stale``, ``refused`` or ``failed``.
            reason: why, when it was not accepted; else a word on what happened.
        """
        line = json.dumps(
            {
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "action": action,
                "actor": actor,
                "target": target if len(target) <= MAX_TARGET else target[:MAX_TARGET] + "…",
                "outcome": outcome,
                "reason": reason,
            }
        )
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

    Args:
        log: where records go.
        redact: takes the service's tokens out of a text.
    """

    def __init__(self, log: AuditLog, redact: Callable[[str], str]) -> None:
        self._log = log
        self._redact = redact
        self._lock = threading.Lock()
        self._throttled: dict[str, float] = {}

    def after(self, response: Response) -> Response:
        """Look at a request that has been answered; for ``Flask.after_request``."""
        refusal: Rejected | None = g.get("refusal")
        action = _action(request, refusal)
        actor = request.remote_addr or "unknown"
        if action is None or (refusal and self._was_recorded(refusal, actor)):
            return response
        target = self._redact(f"{request.method} {request.path}")
        if response.status_code < 400:
            outcome = response.headers.get("Dreamos-Result", "accepted")
            self._log.record(action, actor, target, outcome)
        else:
            reason = str(refusal) if refusal else f"HTTP {response.status_code}"
            self._log.record(action, actor, target, "refused", self._redact(reason))
        return response

    def reloaded(self, what: str, outcome: str, reason: str) -> None:
        """Record that a file was read again, or could not be."""
        self._log.record("reload", "service", what, outcome, reason)

    def _was_recorded(self, refusal: Rejected, actor: str) -> bool:
        """Tell whether the address's being throttled is on record; a guesser fills no disk."""
        if refusal.reason != "throttled":
            return False
        now = time.monotonic()
        with self._lock:
            if now - self._throttled.get(actor, -THROTTLE_WINDOW) < THROTTLE_WINDOW:
                return True
            if len(self._throttled) >= 10_000:
                self._throttled.pop(next(iter(self._throttled)))
            self._throttled[actor] = now
        return False


def _action(asked: Request, refusal: Rejected | None) -> Action | None:
    """Return what the request did or tried, None for what is not recorded."""
    if refusal is not None and refusal.reason in _TOKEN_REASONS:
        return "token_refused"
    if asked.method in _READS or asked.url_rule is None:
        return None
    if asked.path.startswith("/metrics/"):
        return "delete" if asked.method == "DELETE" else None
    return "admin"


def watch(app: Flask) -> None:
    """Record what happens in ``app`` from now on, in the data folder of its service.

    The log is ``app.extensions["dreamos-audit"]``, for parts that reload something of their own.
    """
    service = app.extensions["dreamos"]
    log = AuditLog(service.settings.data_dir, lambda families: service.sink("audit", families))
    watching = Watch(log, service.access.redact)
    app.extensions["dreamos-audit"] = log
    service.access.watch(
        lambda kind, outcome, reason: watching.reloaded(f"{kind} tokens", outcome, reason)
    )
    service.on_reload = watching.reloaded
    app.after_request(watching.after)
