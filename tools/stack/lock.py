"""One command at a time for each project: the second waits, and says for whom."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .console import StackError, say
from .credentials import belongs_to_user

PATIENCE_SECONDS = 1800.0


@contextmanager
def alone(folder: Path, project: str, command: str) -> Iterator[None]:
    """Hold the lock of a project while the body runs.

    Args:
        folder: where the lock file lies; made when missing.
        project: name of the Compose project.
        command: what holds it, told to whoever waits.

    Raises:
        StackError: when another command does not end.
    """
    path = folder / f"{project}.lock"
    descriptor = _open(path)
    belongs_to_user(folder, path)
    try:
        _wait(descriptor, project, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{command} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StackError(
            f"{path} cannot be written ({error.strerror}): `sudo chown -R $USER {path.parent}`, or "
            "work on a checkout of your own"
        ) from None


def _wait(descriptor: int, project: str, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text(encoding="utf-8") or "another command"
        else:
            return
        if not told:
            say(f"  {holder} is at work on {project}: waiting until it has ended ...")
            told = True
        if time.monotonic() > deadline:
            raise StackError(f"{holder} is still at work on {project}; nothing was changed")
        time.sleep(0.3)
