"""Table of log events: which one counts as which metric.

The names are those that Dream.OS code logs: the seed's own, and the variants that it leaves out.
An event is known by the record's message alone; every field may be missing or odd.
"""

from __future__ import annotations

import errno
import logging
import math
import re
from dataclasses import dataclass

from dreamos_metrics.instrumentation import file_metrics
from dreamos_metrics.instrumentation.capped_label import class_name
from dreamos_metrics.instrumentation.file_events import CountedPath
from dreamos_metrics.instrumentation.file_metrics import Kind
from dreamos_metrics.metrics.errors import record_error


@dataclass(frozen=True)
class Rule:
    """How one event is counted: as a `kind` of operation that worked or failed."""

    kind: Kind
    operation: str
    failed: bool = False
    path_field: str = "path"
    error: str | None = None


RULES = {
    "file_write": Rule("write", "write"),
    "file_write_error": Rule("write", "write", failed=True),
    "file_read": Rule("read", "read"),
    "file_read_error": Rule("read", "read", failed=True),
    "directory_created": Rule("directory", "create_directory"),
    "directory_create_error": Rule("directory", "create_directory", failed=True),
    "directory_create_permission_error": Rule(
        "directory", "create_directory", failed=True, error="PermissionError"
    ),
    "directory_cleared": Rule("directory", "clear_directory"),
    "directory_clear_error": Rule("directory", "clear_directory", failed=True),
    "file_archived": Rule("write", "archive", path_field="source"),
    "file_archive_error": Rule("write", "archive", failed=True, path_field="source"),
    "file_backed_up": Rule("write", "backup"),
    "file_backup_error": Rule("write", "backup", failed=True),
    "file_handle_error": Rule("write", "open", failed=True),
    "file_processed": Rule("read", "process"),
    "file_processing_error": Rule("read", "process", failed=True),
    "file_delete_error": Rule("write", "delete", failed=True),
    "temp_cleanup_failed": Rule("write", "cleanup", failed=True),
}
#: Events of a watcher: something in a folder changed, whoever did it. Counted by themselves.
WATCHER_EVENTS = frozenset({"file_created", "file_modified", "file_deleted"})

_ERRNO = re.compile(r"\[Errno (\d{1,4})\]")


def count(event: str, record: logging.LogRecord) -> None:
    """Count `event` if it is a known one; `record` carries its fields."""
    rule = RULES.get(event)
    if rule is None and event not in WATCHER_EVENTS:
        return
    fields = record.__dict__
    path = fields.get(rule.path_field if rule else "path", fields.get("path"))
    if isinstance(path, CountedPath):
        return
    if rule is None:
        file_metrics.count_watcher_event(event)
    elif rule.failed:
        _failed(rule, path, record)
    else:
        _succeeded(rule, path, fields)


def _succeeded(rule: Rule, path: object, fields: dict[str, object]) -> None:
    size = _size(fields["bytes"]) if fields.get("bytes") is not None else None
    seconds = _seconds(fields["duration"]) if fields.get("duration") is not None else None
    file_metrics.succeeded(rule.kind, rule.operation, path, moved=size, size=size, seconds=seconds)


def _failed(rule: Rule, path: object, record: logging.LogRecord) -> None:
    kind = rule.kind
    if rule.operation == "open" and str(record.__dict__.get("mode", "")).startswith("r"):
        kind = "read"
    file_metrics.failed(kind, rule.operation, path, rule.error or _error(record))


def _error(record: logging.LogRecord) -> str:
    """Return the name of the class of the error, from wherever the record shows it.

    The error's message is read for nothing but the number that the operating system gave.
    """
    fields = record.__dict__
    error = fields.get("error")
    if isinstance(error, BaseException):
        return type(error).__name__
    if record.exc_info and record.exc_info[0] is not None:
        return record.exc_info[0].__name__
    named = class_name(fields["error_type"]) if "error_type" in fields else None
    if named and _looks_like_a_class(named):
        return named
    found = _ERRNO.search(error) if isinstance(error, str) else None
    if found and int(found[1]) in errno.errorcode:
        return type(OSError(int(found[1]), "")).__name__
    return "unknown"


def _looks_like_a_class(name: str) -> bool:
    return name.endswith(("Error", "Exception", "Warning", "Exit", "Timeout", "Interrupt"))


def _size(value: object) -> int | None:
    number = _number(value)
    if number is None or number < 0:
        record_error("log_event_field", "bytes is no count of bytes")
        return None
    return int(number)


def _seconds(value: object) -> float | None:
    number = _number(value)
    if number is None or number < 0:
        record_error("log_event_field", "duration is no number of seconds")
        return None
    return number


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
