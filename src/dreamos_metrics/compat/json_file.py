"""JSON file of an old metrics class: whole or not at all, and not on every call."""

from __future__ import annotations

import atexit
import json
import os
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dreamos_metrics.instrumentation.atomic_file import replace_file
from dreamos_metrics.metrics.errors import record_error

#: Seconds between two writes while the process runs.
SAVE_INTERVAL_SECONDS = 30.0


class Saves(Protocol):
    """Something that writes itself down."""

    def save(self) -> None:
        """Write it."""


class JSONFile:
    """One file that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = time.monotonic()

    def is_due(self) -> bool:
        """Return whether the last write is long enough ago."""
        return time.monotonic() - self._written >= SAVE_INTERVAL_SECONDS

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the file; a failure is counted (reason `compat_file`), not raised."""
        self._written = time.monotonic()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content, indent=2, default=str)
            replace_file(self._path, text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError, TypeError) as error:
            record_error("compat_file", f"{type(error).__name__}: {self._path}")

    @staticmethod
    def at_exit(owner: Saves) -> None:
        """Write once more when this process ends; a forked child leaves the file to its parent."""
        reference = weakref.ref(owner)
        process = os.getpid()

        def finish() -> None:
            living = reference()
            if living is not None and os.getpid() == process:
                living.save()

        atexit.register(finish)


def read_json(file: Path) -> dict[str, Any] | None:
    """Return the object in a file; None, counted (reason `compat_file`), when it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        record_error("compat_file", f"{type(error).__name__}: {file}")
        return None
    return content if isinstance(content, dict) else None
