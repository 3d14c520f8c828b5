"""File operations (read, write, append, archive, …) that log the seed's events and count themselves.

Each function does what its name says, then emits one log record on the logger `dreamos.files`, with
exactly the fields that the documentation of the log events names, and counts the operation with its
duration and its bytes on disk. An error of the operating system reaches the caller as it is.

    from dreamos_metrics import files

    files.atomic_write("runtime/state.json", text)
    text = files.read_text("runtime/state.json")

Text is written and read as it stands: line ends are not translated, so what is on the disk is what
the agent said, on every platform. `label` names the value of the label `path` for one call, for
those who want to follow one file; without it `DREAMOS_METRICS_PATH_LABEL` decides (see
`dreamos_metrics.set_path_label`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dreamos_metrics.instrumentation import file_events, file_metrics
from dreamos_metrics.instrumentation.atomic_file import replace_file
from dreamos_metrics.instrumentation.file_metrics import Kind

__all__ = [
    "append",
    "archive",
    "atomic_write",
    "clear_directory",
    "create",
    "create_directory",
    "delete",
    "read_bytes",
    "read_text",
    "write_bytes",
    "write_text",
]

StrPath = str | os.PathLike[str]
_T = TypeVar("_T")
_BINARY = "binary"


def read_text(path: StrPath, encoding: str = "utf-8", *, label: str | None = None) -> str:
    """Return the text of a file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is in another encoding.
    """

    def work() -> tuple[str, int]:
        data = Path(path).read_bytes()
        return data.decode(encoding), len(data)

    return _transfer("read", "read", path, encoding, label, work)


def read_bytes(path: StrPath, *, label: str | None = None) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: it cannot be read.
    """

    def work() -> tuple[bytes, int]:
        data = Path(path).read_bytes()
        return data, len(data)

    return _transfer("read", "read", path, _BINARY, label, work)


def write_text(
    path: StrPath, text: str, encoding: str = "utf-8", *, label: str | None = None
) -> int:
    """Replace the text of a file and return the bytes written.

    A process that dies in the middle leaves half a file: `atomic_write` does not.

    Raises:
        OSError: it cannot be written.
        UnicodeEncodeError: the encoding lacks a character; the file is untouched.
    """

    def work() -> tuple[int, int]:
        data = text.encode(encoding)
        return Path(path).write_bytes(data), len(data)

    return _transfer("write", "write", path, encoding, label, work)


def write_bytes(path: StrPath, data: bytes, *, label: str | None = None) -> int:
    """Replace the bytes of a file and return how many were written.

    Raises:
        OSError: it cannot be written.
    """
    return _transfer(
        "write", "write", path, _BINARY, label, lambda: (Path(path).write_bytes(data), len(data))
    )


def atomic_write(
    path: StrPath, data: str | bytes, encoding: str = "utf-8", *, label: str | None = None
) -> int:
    """Replace a file so that a reader sees the old or the new content, never half of it.

    The new content is on the disk (fsync) before it takes the file's name; permissions stay, and a
    symbolic link stays a link. Returns the bytes written.

    Raises:
        OSError: it cannot be written; the old content is there and no temporary file is left.
        UnicodeEncodeError: the encoding lacks a character; the same.
    """

    def work() -> tuple[int, int]:
        raw = data.encode(encoding) if isinstance(data, str) else data
        replace_file(Path(os.path.realpath(path)), raw)
        return len(raw), len(raw)

    return _transfer("write", "atomic_write", path, _encoding(data, encoding), label, work)


def append(
    path: StrPath, data: str | bytes, encoding: str = "utf-8", *, label: str | None = None
) -> int:
    """Add to the end of a file, which is created when it is missing; returns the bytes added.

    One write call, so that several processes can append lines to one file.

    Raises:
        OSError: it cannot be written.
    """
    size = 0

    def work() -> tuple[int, int]:
        nonlocal size
        raw = data.encode(encoding) if isinstance(data, str) else data
        with Path(path).open("ab", buffering=0) as file:
            _write_all(file.fileno(), raw)
            size = os.fstat(file.fileno()).st_size
        return len(raw), len(raw)

    used = _encoding(data, encoding)
    return _transfer("write", "append", path, used, label, work, size=lambda: size)


def create(
    path: StrPath, data: str | bytes = b"", encoding: str = "utf-8", *, label: str | None = None
) -> int:
    """Make a new file and return the bytes written.

    Raises:
        FileExistsError: the file is there; it is left alone.
        OSError: it cannot be written.
    """

    def work() -> tuple[int, int]:
        raw = data.encode(encoding) if isinstance(data, str) else data
        with Path(path).open("xb", buffering=0) as file:
            try:
                _write_all(file.fileno(), raw)
            except BaseException:
                Path(path).unlink(missing_ok=True)  # half a new file is worse than none
                raise
        return len(raw), len(raw)

    return _transfer("write", "create", path, _encoding(data, encoding), label, work)


def delete(path: StrPath, *, missing_ok: bool = False, label: str | None = None) -> None:
    """Remove a file.

    Raises:
        FileNotFoundError: there is none, and not `missing_ok`.
        OSError: it cannot be removed.
    """
    event = file_events.deleted(path)
    _operate(
        "write", "delete", path, event, label, lambda: Path(path).unlink(missing_ok=missing_ok)
    )


def archive(path: StrPath, folder: StrPath, *, label: str | None = None) -> Path:
    """Move a file into `folder`, which is made when it is missing, and return where it now lies.

    A name that is taken there gets a number (`report.1.md`): nothing is overwritten by another
    call in this process.

    Raises:
        OSError: it cannot be moved.
    """
    source = Path(path)

    def work() -> Path:
        Path(folder).mkdir(parents=True, exist_ok=True)
        target = _free_name(Path(folder) / source.name)
        shutil.move(source, target)
        return target

    return _operate("write", "archive", path, file_events.archived(path, folder), label, work)


def create_directory(path: StrPath, *, exist_ok: bool = True, label: str | None = None) -> None:
    """Make a folder with its parents.

    Raises:
        FileExistsError: something else is there, or anything with `exist_ok=False`.
        OSError: it cannot be made.
    """
    event = file_events.directory("directory_created", "directory_create_error", path)
    _operate(
        "directory",
        "create_directory",
        path,
        event,
        label,
        lambda: Path(path).mkdir(parents=True, exist_ok=exist_ok),
    )


def clear_directory(path: StrPath, *, label: str | None = None) -> int:
    """Remove everything in a folder, but not the folder, and return how many entries went.

    A symbolic link is removed, never what it points to.

    Raises:
        OSError: the first that occurred; what was removed until then is gone.
    """

    def work() -> int:
        entries = list(Path(path).iterdir())
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        return len(entries)

    event = file_events.directory("directory_cleared", "directory_clear_error", path)
    return _operate("directory", "clear_directory", path, event, label, work)


def _transfer(
    kind: Kind,
    operation: str,
    path: StrPath,
    encoding: str,
    label: str | None,
    work: Callable[[], tuple[_T, int]],
    size: Callable[[], int] | None = None,
) -> _T:
    event = file_events.content(kind, path)
    start = time.perf_counter()
    try:
        result, count = work()
    except Exception as error:
        _record_failure(kind, operation, path, event, error, time.perf_counter() - start, label)
        raise
    seconds = time.perf_counter() - start
    now = count if size is None else size()
    file_metrics.succeeded(
        kind, operation, path, moved=count, size=now, seconds=seconds, label=label
    )
    event.done(bytes=count, encoding=encoding)
    return result


def _operate(
    kind: Kind,
    operation: str,
    path: StrPath,
    event: file_events.Event,
    label: str | None,
    work: Callable[[], _T],
) -> _T:
    start = time.perf_counter()
    try:
        result = work()
    except Exception as error:
        _record_failure(kind, operation, path, event, error, time.perf_counter() - start, label)
        raise
    seconds = time.perf_counter() - start
    file_metrics.succeeded(kind, operation, path, seconds=seconds, label=label)
    event.done()
    return result


def _record_failure(
    kind: Kind,
    operation: str,
    path: StrPath,
    event: file_events.Event,
    error: Exception,
    seconds: float,
    label: str | None,
) -> None:
    file_metrics.failed(kind, operation, path, error, seconds=seconds, label=label)
    event.failed(error)


def _encoding(data: str | bytes, encoding: str) -> str:
    return encoding if isinstance(data, str) else _BINARY


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _free_name(target: Path) -> Path:
    number = 0
    free = target
    while free.exists() or free.is_symlink():
        number += 1
        free = target.with_name(f"{target.stem}.{number}{target.suffix}")
    return free
