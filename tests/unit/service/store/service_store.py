"""A store with a disk and a clock of its own, for the tests of its parts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from services.metrics.exposition.scrape import Exposition
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push, PushResult
from services.metrics.settings import Settings
from services.metrics.store.sqlite_storage import SqliteStorage
from services.metrics.store.store import Store


class Bench:
    """A store that can be pushed to, read, restarted and killed.

    Args:
        folder: of the data.
        settings: of the store.
    """

    def __init__(self, folder: Path, **settings: object) -> None:
        self.now = 1_764_000_000.0
        self.folder = folder
        self.settings = Settings(data_dir=folder, **settings)  # type: ignore[arg-type]
        self.start()

    def start(self) -> None:
        self.disk = SqliteStorage(self.folder)
        self.store = Store(self.settings, self.disk, clock=lambda: self.now)

    def stop(self) -> None:
        self.store.close()
        self.disk.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """Go on with what is on disk at this moment, as after ``kill -9``."""
        copy = self.folder.with_name(self.folder.name + "-after")
        shutil.copytree(self.folder, copy)
        self.disk.close()
        shutil.rmtree(self.folder)
        copy.rename(self.folder)
        self.start()

    def push(self, path: str, body: str, replace: bool = True, **more: Any) -> PushResult:
        target = parse_path("/metrics/job/" + path)
        push = Push(target, body.encode(), replace=replace, **more)
        known = None if push.final else self.store.push_known(push)
        return known or self.store.push(push)

    def process(self, name: str, body: str, **more: Any) -> PushResult:
        """Push as the process ``name`` of the agent A."""
        return self.push(f"j/agent/A/incarnation/{name}", body, **more)

    def rejected(self, name: str, body: str, **more: Any) -> dict[str, str]:
        """Push as a process; return the families that were left out, with their reasons."""
        return {each.name: each.reason for each in self.process(name, body, **more).rejected}

    def scrape(self) -> str:
        return Exposition(self.store.views).render("text").take().decode()

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of all series of this name and these labels, in their order."""
        return [
            float(line.rpartition(" ")[2])
            for line in self.scrape().splitlines()
            if line.startswith((name + "{", name + " "))
            and all(f'{label}="{value}"' in line for label, value in labels.items())
        ]

    def value(self, name: str, **labels: str) -> float | None:
        found = self.values(name, **labels)
        assert len(found) <= 1, f"{name} {labels}: {len(found)} series"
        return found[0] if found else None

    def buckets(self, name: str, **labels: str) -> list[tuple[str, float]]:
        """Return bound and count of every bucket, in the order of the page."""
        return [
            (line.partition('le="')[2].partition('"')[0], float(line.rpartition(" ")[2]))
            for line in self.scrape().splitlines()
            if line.startswith(name + "_bucket{")
            and all(f'{label}="{value}"' in line for label, value in labels.items())
        ]


def counter(name: str, value: float, labels: str = "") -> str:
    return f"# TYPE {name} counter\n{name}{labels} {value}\n"


def gauge(name: str, value: float, how: str = "sum", labels: str = "") -> str:
    head = f"# dreamos:aggregate {name} {how}\n# TYPE {name} gauge\n"
    return f"{head}{name}{labels} {value}\n"


def histogram(name: str, counts: dict[str, float], labels: str = "") -> str:
    total = list(counts.values())[-1]
    rows = "".join(
        f'{name}_bucket{{{labels}{"," if labels else ""}le="{bound}"}} {count}\n'
        for bound, count in counts.items()
    )
    own = f"{{{labels}}}" if labels else ""
    return f"# TYPE {name} histogram\n{rows}{name}_sum{own} {total}\n{name}_count{own} {total}\n"


def fail(disk: SqliteStorage, table: str, event: str = "DELETE") -> None:
    """Let every statement of this kind fail, until the trigger is dropped."""
    disk._connection.execute(
        f"CREATE TRIGGER broken BEFORE {event} ON {table} BEGIN SELECT RAISE(FAIL, 'broken'); END"
    )
