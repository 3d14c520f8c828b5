"""Log events of the file tools: the seed's names, exactly the seed's fields."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from dreamos_metrics.instrumentation.file_metrics import Kind
from dreamos_metrics.metrics.errors import record_error

logger = logging.getLogger("dreamos.files")
# Without any logging configured, Python would print every error's bare event name to stderr; the
# caller has the exception, which says more.
logger.addHandler(logging.NullHandler())

StrPath = str | os.PathLike[str]


class CountedPath(str):
    """A path in a record that the file tools have counted already.

    The logging handler knows it by its class. This adds no field to the record, and survives the
    copies that queue handlers make of it.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Event:
    """The two records that one operation can end with, and the fields that both carry."""

    success: str
    failure: str
    fields: dict[str, str]

    def done(self, **fields: object) -> None:
        """Log that it worked."""
        self._log(logging.INFO, self.success, fields, frames=5)

    def failed(self, error: Exception) -> None:
        """Log that it failed, with the error's message."""
        self._log(logging.ERROR, self.failure, {"error": str(error)}, frames=6)

    def _log(self, level: int, event: str, fields: dict[str, object], frames: int) -> None:
        # `frames` up from here is the agent's own line, which a log shows as the record's origin.
        try:
            if logger.isEnabledFor(level):
                logger.log(level, event, extra={**self.fields, **fields}, stacklevel=frames)
        except Exception as error:  # noqa: BLE001 - a filter of the application may do anything
            record_error("file_log", type(error).__name__)


def content(kind: Kind, path: StrPath) -> Event:
    """Return the event of reading or writing a file's content."""
    name = "file_read" if kind == "read" else "file_write"
    return Event(name, f"{name}_error", {"path": _text(path)})


def deleted(path: StrPath) -> Event:
    """Return the event of removing a file."""
    return Event("file_deleted", "file_delete_error", {"path": _text(path)})


def archived(path: StrPath, folder: StrPath) -> Event:
    """Return the event of moving a file to an archive; its fields are `source` and `dest`."""
    return Event(
        "file_archived", "file_archive_error", {"source": _text(path), "dest": _text(folder)}
    )


def directory(success: str, failure: str, path: StrPath) -> Event:
    """Return the event of an operation on a folder."""
    return Event(success, failure, {"path": _text(path)})


def _text(path: object) -> CountedPath:
    try:
        return CountedPath(os.fsdecode(path))  # type: ignore[arg-type]
    except TypeError:  # not a path: the operation itself will say so
        return CountedPath(repr(type(path)))
