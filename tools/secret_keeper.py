"""The secret keeper: hands each part of the stack a copy of its own secrets, and of no others.

On the machine the secrets are files of mode 600, which only their owner can read; each part runs as
a user of its own. So the keeper, which runs as the owner and has no network, copies them into one
folder a part, in memory. Owner, mode and group of that folder decide who reads the copies: the
folder has the part's group and the set-group-id bit, so every copy gets that group by itself, and
the keeper needs no privilege. It goes on looking, so a rotated file arrives within a second or two
and nothing has to be restarted.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.metrics.tokens import TokenFile, TokenFileError

log = logging.getLogger(__name__)

PARTS: Mapping[str, tuple[str, ...]] = {
    "metrics": ("push/*", "read/*", "observer/token"),
    "prometheus": ("read/token", "observer/token"),
    "alertmanager": ("alertmanager/*",),
    "grafana": ("grafana/*",),
    "observer": ("observer/*",),
}
"""Which files each part gets, as patterns below the folder of secrets."""

ONE_TOKEN = frozenset(("prometheus",))
"""Parts that send a whole file as their token: they get the first one of it, so that a file may hold
the new one above the old one while it is rotated."""

COPY_MODE = 0o440
FOLDER_MODE = 0o750
MAX_SECRET_BYTES = 65_536
INTERVAL_SECONDS = 1.0
Signature = tuple[int, int, int, int]


class SecretKeeper:
    """Keeps the copies of all parts like their originals.

    Args:
        source: the folder of secrets.
        parts: holds one folder for each part that is to get some; a part without one gets none.
    """

    def __init__(self, source: Path, parts: Path) -> None:
        self._source, self._parts = source, parts
        self._copied: dict[Path, Signature] = {}
        self._refused: dict[Path, str] = {}

    def copy(self) -> None:
        """Copy what is new or changed, and take away what is gone. Raises OSError.

        A file that cannot be copied is said in the log once; its last copy stays.
        """
        with os.scandir(self._source):
            pass  # while the folder itself cannot be read, nothing is taken away
        for part, patterns in PARTS.items():
            folder = self._parts / part
            if not folder.is_dir():
                continue
            wanted = {
                folder / found.relative_to(self._source): found
                for pattern in patterns
                for found in sorted(self._source.glob(pattern))
                if found.is_file() and not found.name.startswith(".")
            }
            for copy, original in wanted.items():
                self._one(original, copy, part in ONE_TOKEN)
            for left in folder.glob("*/*"):
                if left not in wanted:
                    left.unlink(missing_ok=True)
                    self._copied.pop(left, None)

    def _one(self, original: Path, copy: Path, first: bool) -> None:
        try:
            found = original.stat()
            seen = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            if self._copied.get(copy) == seen and copy.exists():
                return
            if found.st_size > MAX_SECRET_BYTES:
                raise OSError(f"is larger than {MAX_SECRET_BYTES} bytes")  # noqa: TRY301
            content = TokenFile(original).first().encode() if first else original.read_bytes()
            _replace(copy, content)
            self._copied[copy] = seen
            self._refused.pop(original, None)
        except (OSError, TokenFileError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            if self._refused.get(original) != reason:
                log.warning("%s: %s", original.relative_to(self._source), reason)
            self._refused[original] = reason


def _replace(copy: Path, content: bytes) -> None:
    copy.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=copy.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), COPY_MODE)
        Path(beside).replace(copy)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.secret_keeper")
    parser.add_argument("--source", type=Path, required=True, help="the folder of secrets")
    parser.add_argument("--parts", type=Path, required=True, help="holds a folder for each part")
    parser.add_argument("--ready", type=Path, required=True, help="is made after the first copy")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    keeper, complaint = SecretKeeper(options.source, options.parts), ""
    while not ended.is_set():
        try:
            keeper.copy()
            options.ready.touch()
            complaint = ""
        except OSError as problem:
            if str(problem) != complaint:
                log.warning("the folder of secrets cannot be read: %s", problem.strerror)
            complaint = str(problem)
        ended.wait(INTERVAL_SECONDS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
