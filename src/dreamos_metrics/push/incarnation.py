"""Incarnation: this process as the service knows it, with its name, its file and its numbers."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY
from dreamos_metrics.metrics.migration import migrate_to
from dreamos_metrics.metrics.storage import MemoryStorage
from dreamos_metrics.push.http import Response
from dreamos_metrics.push.sender import Sender
from dreamos_metrics.push.settings import Settings
from dreamos_metrics.push.snapshot import Snapshot
from dreamos_metrics.spool import owner, spool_folder
from dreamos_metrics.spool.values_file import FileStorage
from dreamos_metrics.spool.values_reader import read_values

#: A final snapshot that is written in place of the pushing thread has a number above all that the
#: thread may use meanwhile.
_AHEAD = 1000


class Incarnation:
    """One process of an agent, from its first push to its last."""

    def __init__(self, settings: Settings, folder: Path | None) -> None:
        self.name = os.urandom(12).hex()
        self.folder = folder
        self.sequence = 0
        self.header: dict[str, object] = {
            "url": settings.url,
            "job": settings.job,
            "agent": settings.agent,
            "incarnation": self.name,
            "started": time.time(),
            **(owner.owner_facts() if folder is not None else {}),
        }
        self.sender = Sender(settings, self.name)
        self.storage = self._new_storage()
        #: The last snapshot that the service took.
        self.accepted: Snapshot | None = None

    def _new_storage(self) -> FileStorage | MemoryStorage:
        if self.folder is None:
            return MemoryStorage()
        return FileStorage(self.folder, self.header)

    def send(self, snapshot: Snapshot, *, final: bool, timeout: float | None) -> Response:
        """Send a snapshot under the next number.

        Raises:
            OSError: the service cannot be reached or did not answer in time.
            http.client.HTTPException: what came back is not HTTP.
        """
        self.keep_file()
        self.sequence += 1
        if isinstance(self.storage, FileStorage):
            self.storage.record_sequence(self.sequence)
        return self.sender.send(snapshot, self.sequence, final=final, timeout=timeout)

    def keep_file(self) -> None:
        """Lock the file again when somebody closed our descriptors, as daemons do."""
        storage = self.storage
        if not isinstance(storage, FileStorage) or storage.holds_lock():
            return
        record_error("descriptors_closed", f"{storage.path.name} was let go of; it is locked again")
        try:
            storage.take_lock_again()
        except FileNotFoundError:
            # Somebody has sent it. Whether the service took that, its next answer tells.
            self.storage = self._new_storage()
            with REGISTRY.lock:
                migrate_to(self.storage)
            storage.abandon()
        except OSError as error:
            record_error("spool_broken", f"{type(error).__name__}: {error}")

    def what_others_sent(self) -> dict[Any, list[float]] | None:
        """Return the slots, by series, that another process sent in our name; None if unknown."""
        if self.folder is None:
            return None
        path = self.folder / f"{self.name}{spool_folder.SENT}"
        try:
            values = read_values(path.read_bytes())
        except (OSError, ValueError):
            return None
        path.unlink(missing_ok=True)
        found: dict[Any, list[float]] = {}
        for definition, series in values.families:
            family = REGISTRY.families.get(definition.name)
            if family is None or not family.same_as(definition):
                continue
            for each in series:
                known = family.known(each._values)
                if known is not None:
                    found[known] = each._read()
        return found

    def spool(self, snapshot: Snapshot, *, ahead: bool = False) -> bool:
        """Keep a final snapshot for whoever runs next; return whether that was possible."""
        if self.folder is None:
            return False
        try:
            number = self.sequence + (_AHEAD if ahead else 1)
            spool_folder.write_final(self.folder, self.header, number, snapshot.text())
            self.remove_file()
            spool_folder.tidy(self.folder)
        except Exception as error:  # noqa: BLE001 - the values file stays for whoever is next
            record_error("no_spool", f"{type(error).__name__}: {error}")
            self.abandon_file()
        return True

    def remove_file(self) -> None:
        """Delete the values file: what it holds has arrived, or lies in the spool."""
        if isinstance(self.storage, FileStorage):
            with contextlib.suppress(OSError):
                self.storage.remove()

    def abandon_file(self) -> None:
        """Let go of the values file, and leave it."""
        if isinstance(self.storage, FileStorage):
            self.storage.abandon()
