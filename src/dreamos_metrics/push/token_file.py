"""File of the token, read within bounds: it may be a pipe that nobody writes into, or a device."""

from __future__ import annotations

import os
import select
import stat

MAX_BYTES = 65_536
_MAX_MILLISECONDS = 1_000  # of silence, where the file is a pipe such as a shell's <(…)


def first_token(path: str) -> str:
    """Return the first token of the file, "" if there is none.

    The service takes several, one to a line, while a token is being changed; the first is the new
    one. Some editors put a byte order mark before it.

    Raises:
        ValueError: it is no text in UTF-8, too large, or nothing comes out of it.
        OSError: it cannot be read.
    """
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8") from None
    lines = map(str.strip, text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def _read(path: str) -> bytes:
    found = b""
    with open(path, "rb", buffering=0, opener=_open) as file:
        waits = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        while len(found) <= MAX_BYTES:
            if waits and not _readable(file.fileno()):
                raise ValueError("nothing comes out of it")
            piece = file.read(MAX_BYTES)
            if not piece:
                return found
            found += piece
    raise ValueError(f"has more than {MAX_BYTES} bytes")


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(_MAX_MILLISECONDS))
