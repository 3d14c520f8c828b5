"""Agents of a workspace: their folders, and what each of them shows."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from datetime import tzinfo

from prometheus_client.samples import Sample

from services.metrics.observer.workspace import inbox, status
from services.metrics.observer.workspace.file_cache import CachedFile, Look
from services.metrics.observer.workspace.inbox import InboxFolder, Mail
from services.metrics.observer.workspace.status import STATES, Status

# Where Dream.OS systems of several generations keep a folder for each agent; the first that has an agent wins
AGENT_FOLDERS = (
    "agent_workspaces",
    "runtime/agent_comms/agent_mailboxes",
    "agent_tools/mailbox",
    "runtime/agent_memory",
    ".",
)
# Folders of agents, and not the archives, test folders and typing errors that lie beside them
PATTERN = r"(?i)agent[-_]?(?:[a-z]{2,8}[-_])?\d{1,4}|captain|thea|captain[-_]thea"
MAX_AGENTS = 5_000
MAX_NAME_LENGTH = 64

FAMILIES = {
    "dreamos_workspace_agent_state": "1 for the state that the agent's status file names.",
    "dreamos_workspace_agent_tasks": "Tasks that the status file lists.",
    "dreamos_workspace_agent_points": "Points that the status file claims.",
    "dreamos_workspace_agent_blockers": "Blockers that the status file lists.",
    "dreamos_workspace_agent_cycles": "Cycles that the status file claims.",
    "dreamos_workspace_agent_stale": "1 when status or inbox cannot be read as they are now.",
    "dreamos_workspace_inbox_unread": "Messages in the inbox that nobody handled.",
    "dreamos_workspace_agent_status_age_seconds": "Time since the status file changed.",
    "dreamos_workspace_agent_claimed_age_seconds": "Age that the status file claims; negative for a time to come.",
    "dreamos_workspace_inbox_oldest_age_seconds": "Age of the oldest unread message; 0 without one.",
}
(STATE, TASKS, POINTS, BLOCKERS, CYCLES, STALE, UNREAD, AGE, CLAIMED, OLDEST) = FAMILIES


class Agent:
    """One agent's folder. Samples that no clock moves are made once for each change, not once for each collection."""

    __slots__ = ("_box", "_file", "_labels", "_mail", "_state", "_status", "fixed", "phase")

    def __init__(self, name: str, folder: str, zone: tzinfo | None) -> None:
        self._labels = {"agent": name}
        self.phase = zlib.crc32(name.encode("utf-8", "replace"))
        self._status: CachedFile[Status] = CachedFile(
            f"{folder}/status.json",
            "status",
            lambda d, k: status.parse(d, k, zone),
            status.MAX_BYTES,
        )
        self._box = InboxFolder(f"{folder}/inbox")
        self._file: CachedFile[Mail] = CachedFile(
            f"{folder}/inbox.json", "inbox", lambda d, k: inbox.parse(d, k, zone), inbox.MAX_BYTES
        )
        self._state = Status("unknown")
        self._mail: Mail | None = None
        self.fixed: dict[str, list[Sample]] = {}

    def look(self, look: Look) -> None:
        """Look at the status and the inbox, and make the samples anew if anything changed."""
        changed = [self._status.look(look), self._box.look(look)]
        # where there is a folder, an inbox file beside it is rare: it is looked for now and then
        if self._box.mail is None or self._file.value is not None or look.thorough:
            changed.append(self._file.look(look))
        if any(changed) or not self.fixed:
            self._state = self._status.value or Status("unknown")
            self._mail = _together(self._box.mail, self._file)
            self.fixed = self._fixed()

    def moving(self, now: float) -> Iterator[Sample]:
        """Yield the samples that change with time."""
        if self._status.mtime is not None:
            yield Sample(AGE, self._labels, now - self._status.mtime)
        if self._state.claimed is not None:
            yield Sample(CLAIMED, self._labels, now - self._state.claimed)
        if self._mail is not None:
            oldest = self._mail.oldest
            yield Sample(OLDEST, self._labels, max(0.0, now - oldest) if oldest else 0.0)

    def _fixed(self) -> dict[str, list[Sample]]:
        labels, found = self._labels, self._state
        stale = self._status.stale or self._box.stale or self._file.stale
        samples = {
            STATE: [
                Sample(STATE, {**labels, "state": state}, 1.0 if state == found.state else 0.0)
                for state in STATES
            ],
            TASKS: [
                Sample(TASKS, {**labels, "state": state}, float(count))
                for state, count in (("current", found.current), ("completed", found.completed))
                if count is not None
            ],
            STALE: [Sample(STALE, labels, 1.0 if stale else 0.0)],
        }
        single = {POINTS: found.points, BLOCKERS: found.blockers, CYCLES: found.cycles}
        single[UNREAD] = None if self._mail is None else self._mail.unread
        for name, value in single.items():
            samples[name] = [] if value is None else [Sample(name, labels, float(value))]
        return samples


def _together(folder: Mail | None, file: CachedFile[Mail]) -> Mail | None:
    """Return the mail of both kinds of inbox; an undated message in a file is as old as the file."""
    single = file.value
    if single is not None and single.unread and single.oldest is None:
        single = Mail(single.unread, file.mtime)
    if folder is None or single is None:
        return folder or single
    known = [time for time in (folder.oldest, single.oldest) if time is not None]
    return Mail(folder.unread + single.unread, min(known) if known else None)


class Agents:
    """All agents below a root, found by name."""

    def __init__(self, root: str, pattern: str = PATTERN, zone: tzinfo | None = None) -> None:
        self._root, self._zone = root, zone
        self._pattern = re.compile(pattern)
        self.ignored = 0
        self.found: dict[str, Agent] = {}

    def discover(self) -> None:
        """Take up new folders, drop those that are gone.

        Raises OSError, and changes nothing, when the root or a folder of agents cannot be listed.
        """
        with os.scandir(self._root):
            pass
        folders: dict[str, str] = {}
        ignored = 0
        for base in AGENT_FOLDERS:
            others = self._list(os.path.normpath(f"{self._root}/{base}"), folders)
            ignored += others if base != "." else 0
        self.ignored = ignored
        for name in self.found.keys() - folders.keys():
            del self.found[name]
        for name, folder in folders.items():
            if name not in self.found:
                self.found[name] = Agent(name, folder, self._zone)

    def name_of(self, value: object) -> str:
        """Return ``value`` if an agent of this workspace has that name, else ``other``.

        Text from a file never becomes a label.
        """
        return value if isinstance(value, str) and value in self.found else "other"

    def _list(self, base: str, folders: dict[str, str]) -> int:
        """Add the agents' folders in ``base``; return how many other folders there are."""
        others = 0
        try:
            with os.scandir(base) as entries:
                for entry in entries:
                    if not _is_folder(entry):
                        continue
                    if len(entry.name) > MAX_NAME_LENGTH or not self._pattern.fullmatch(entry.name):
                        others += 1
                    elif len(folders) < MAX_AGENTS:
                        folders.setdefault(entry.name, entry.path)
        except (FileNotFoundError, NotADirectoryError):
            return 0  # this generation's folder is not there
        return others


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
