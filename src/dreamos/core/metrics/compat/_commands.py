"""`CommandMetrics` and the module functions of the same names: how often each command was used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import Counter, _errors
from .._bounded import OTHER, Bounded
from ._locks import ForkSafe
from ._persist import JSONFile

_COMMANDS = Counter("dreamos_commands_total", "Commands that users gave, by command", ["command"])
_command = Bounded("command", cap=200)
_MOST = 10_000


class CommandMetrics(ForkSafe):
    """Counts commands; exported as `dreamos_commands_total{command}`.

    `metrics_dir` (default `metrics`) is the folder for `command_metrics_YYYYMMDD.json`, which is
    written by `save_metrics` only.
    """

    def __init__(self, metrics_dir: str | Path | None = None) -> None:
        super().__init__()
        self._folder = (
            Path(metrics_dir) if isinstance(metrics_dir, (str, Path)) else Path("metrics")
        )
        self.command_counts: dict[str, int] = {}
        self.last_reset = datetime.now()

    def track_command(self, command_name: str) -> None:
        """Count one use of a command."""
        name = str(command_name)
        with self._lock:
            if name not in self.command_counts and len(self.command_counts) >= _MOST:
                name = OTHER
            self.command_counts[name] = self.command_counts.get(name, 0) + 1
        _COMMANDS.labels(_command(name)).inc()

    def get_command_stats(self) -> dict[str, int]:
        """Return the count of each command."""
        with self._lock:
            return dict(self.command_counts)

    def reset_stats(self) -> None:
        """Start again at zero; what was exported stays, counters only rise."""
        with self._lock:
            self.command_counts.clear()
            self.last_reset = datetime.now()

    def save_metrics(self) -> None:
        """Write today's file. A failure is counted, not raised."""
        content = {
            "last_reset": self.last_reset.isoformat(),
            "command_counts": self.get_command_stats(),
        }
        JSONFile(self._today()).write(content)

    def load_metrics(self) -> None:
        """Take the counts of today's file over, if there is one that can be read."""
        content = _read(self._today())
        if content is None:
            return
        with self._lock:
            self.command_counts = _counts(content)
            try:
                self.last_reset = datetime.fromisoformat(str(content["last_reset"]))
            except (KeyError, ValueError):
                self.last_reset = datetime.now()

    def _today(self) -> Path:
        return self._folder / f"command_metrics_{datetime.now():%Y%m%d}.json"


_shared = CommandMetrics()


def track_command(name: str) -> None:
    """Count one use of a command, for the whole process."""
    _shared.track_command(name)


def get_command_stats() -> dict[str, int]:
    """Return the count of each command of this process."""
    return _shared.get_command_stats()


def reset_stats() -> None:
    """Start the counts of this process again at zero."""
    _shared.reset_stats()


def save_metrics(metrics_file: str | Path, metrics: Mapping[str, Any]) -> None:
    """Write `metrics` to a file as JSON. A failure is counted, not raised."""
    JSONFile(Path(metrics_file)).write(metrics)


def load_metrics(metrics_files: Iterable[str | Path]) -> dict[str, int]:
    """Return the command counts of several files, added up; what can not be read is left out."""
    total: dict[str, int] = {}
    for file in metrics_files:
        for name, count in _counts(_read(Path(file)) or {}).items():
            total[name] = total.get(name, 0) + count
    return total


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _errors.record_error("compat_file", f"{type(error).__name__}: {file}")
        return None
    return content if isinstance(content, dict) else None


def _counts(content: Mapping[str, Any]) -> dict[str, int]:
    counts = content.get("command_counts", content)
    if not isinstance(counts, Mapping):
        return {}
    return {
        str(name): count
        for name, count in counts.items()
        if isinstance(count, int) and not isinstance(count, bool)
    }
