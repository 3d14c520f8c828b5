"""`CommandMetrics` and the module functions of the same names: how often each command was used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dreamos_metrics.compat.fork_safe import ForkSafe
from dreamos_metrics.compat.json_file import JSONFile, read_json
from dreamos_metrics.instrumentation.capped_label import OTHER, CappedLabel
from dreamos_metrics.metrics.counter import Counter

_COMMANDS = Counter("dreamos_commands_total", "Commands that users gave, by command", ["command"])
_command = CappedLabel("command", cap=200)
_MAX_COMMANDS = 10_000


class CommandMetrics(ForkSafe):
    """Counts commands; exported as `dreamos_commands_total{command}`.

    `metrics_dir` (default `metrics`) is the folder for `command_metrics_YYYYMMDD.json`, which is
    written by `save_metrics` only.
    """

    def __init__(self, metrics_dir: str | Path | None = None) -> None:
        super().__init__()
        self.metrics_dir = Path(metrics_dir) if metrics_dir else Path("metrics")
        self.command_counts: dict[str, int] = {}
        self.last_reset = datetime.now()

    def track_command(self, command_name: str) -> None:
        """Count one use of a command."""
        name = str(command_name)
        with self._lock:
            if name not in self.command_counts and len(self.command_counts) >= _MAX_COMMANDS:
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
        """Take over the counts of the newest file in the folder, if there is one to be read."""
        files = sorted(self.metrics_dir.glob("command_metrics_*.json"))
        content = read_json(files[-1]) if files else None
        if content is None:
            return
        with self._lock:
            self.command_counts = _counts(content.get("command_counts"))
            try:
                self.last_reset = datetime.fromisoformat(str(content["last_reset"]))
            except (KeyError, ValueError):
                self.last_reset = datetime.now()

    def _today(self) -> Path:
        return self.metrics_dir / f"command_metrics_{datetime.now():%Y%m%d}.json"


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


def load_metrics(metrics_files: Sequence[str | Path]) -> dict[str, Any]:
    """Return the content of the last of these files; empty when there is none that can be read."""
    return (read_json(Path(metrics_files[-1])) or {}) if metrics_files else {}


def _counts(counts: object) -> dict[str, int]:
    if not isinstance(counts, Mapping):
        return {}
    return {
        str(name): count
        for name, count in counts.items()
        if isinstance(count, int) and not isinstance(count, bool)
    }
