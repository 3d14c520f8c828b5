"""Label `path` of a file operation.

A real path is unbounded (a file per message, per task, per minute) and can hold a user's name, a
session or worse. So it does not become a label by itself. `DREAMOS_METRICS_PATH_LABEL` chooses:

`extension` (default)
    `*.json`, `*.md`, `(none)`, `(directory)`: taken from a fixed list, so nothing of the path
    shows.
`top`
    the first folder below a root: `runtime`, `agent_workspaces`; `.` for a file in the root itself.
`full`
    the path below its root, or the whole path with the home directory written as `~`.

`DREAMOS_METRICS_PATH_ROOTS` lists the roots (separated as in PATH; default: the working directory).
A path below none of them is `(outside)` in the mode `top`, and in every mode once the setting is
made: a count of writes outside the allowed roots is a safety signal.
`DREAMOS_METRICS_PATH_CAP` (default 100) bounds the distinct values; what is over it is `(other)`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from dreamos_metrics.instrumentation.capped_label import CappedLabel, fold
from dreamos_metrics.metrics.errors import record_error

Mode = Literal["extension", "top", "full"]
MODES = ("extension", "top", "full")

NO_EXTENSION = "(none)"
DIRECTORY = "(directory)"
OUTSIDE = "(outside)"
UNKNOWN = "(unknown)"
DEFAULT_CAP = 100

_KNOWN = (
    "7z avi bak bat bin bmp bz2 c cfg conf cpp crt cs css csv dat db doc docx eml env epub flac "
    "flv gif go gz h html ico ini ipynb java jpeg jpg js json jsonl jsx key lock log lz4 m4a md "
    "mkv mov mp3 mp4 msgpack npy npz odt ogg old onnx orig out parquet patch pdf pem php pickle "
    "pid pkl png ppt pptx proto ps1 pt pth py pyc rb rs rst rtf safetensors sh sock sql sqlite "
    "sqlite3 srt state svg swp tar tex tgz tif tiff tmp toml ts tsv tsx txt vtt wasm wav webm "
    "webp whl xls xlsx xml xz yaml yml zip zst "
)
_EXTENSIONS = frozenset(_KNOWN.split())

_DRIVE = re.compile(r"[A-Za-z]:/")
_HOME = re.compile(r"(?:/root|(?:[A-Za-z]:)?/(?:home|Users)/[^/]+)(?=/|\Z)")


@dataclass(frozen=True)
class PathSettings:
    """How the label `path` is made: the mode, the roots (None: working directory) and the cap."""

    mode: Mode = "extension"
    roots: tuple[str, ...] | None = None
    cap: int = DEFAULT_CAP

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PathSettings:
        """Read the settings; a value that makes no sense is counted, and the default holds."""
        mode = environ.get("DREAMOS_METRICS_PATH_LABEL", "").strip().lower() or "extension"
        if mode not in MODES:
            record_error("setting", f"DREAMOS_METRICS_PATH_LABEL is none of {MODES}")
            mode = "extension"
        roots = environ.get("DREAMOS_METRICS_PATH_ROOTS", "").split(os.pathsep)
        named = tuple(_root(root) for root in roots if root.strip())
        return cls(cast(Mode, mode), named or None, _cap(environ))


def _cap(environ: Mapping[str, str]) -> int:
    text = environ.get("DREAMOS_METRICS_PATH_CAP", "").strip()
    if not text:
        return DEFAULT_CAP
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    record_error("setting", "DREAMOS_METRICS_PATH_CAP is not a whole number above 0")
    return DEFAULT_CAP


class PathLabel:
    """Turn paths into values of the label `path`, by fixed settings."""

    def __init__(self, settings: PathSettings) -> None:
        self._settings = settings
        self._capped = CappedLabel("path", settings.cap)

    def __call__(self, path: object, *, directory: bool = False, given: str | None = None) -> str:
        """Return the label for `path`.

        `given` is a value that the caller chose himself; it is used as it is, below the cap.
        Something that is no path at all is `(unknown)`.
        """
        if given is not None:
            return self._capped(given)
        try:
            text = os.fsdecode(cast("str | bytes | os.PathLike[str]", path))
        except (TypeError, ValueError):
            return UNKNOWN
        if not text:
            return UNKNOWN
        return self._label(text.replace("\\", "/"), directory)

    def _label(self, text: str, directory: bool) -> str:
        settings = self._settings
        if settings.mode == "extension" and settings.roots is None:
            return extension_label(text, directory)
        absolute = _absolute(text)
        below = _below(absolute, settings.roots or (_absolute("."),))
        if below is None:
            if settings.mode == "full" and settings.roots is None:
                return self._capped(_HOME.sub("~", absolute, count=1))
            return OUTSIDE
        if settings.mode == "extension":
            return extension_label(text, directory)
        if settings.mode == "full":
            return self._capped(below or ".")
        first, slash, _ = below.partition("/")
        return self._capped(first if first and (slash or directory) else ".")


def extension_label(text: str, directory: bool = False) -> str:
    """Return `*.<extension>` when the extension is one of the fixed list."""
    if directory:
        return DIRECTORY
    name = text.rstrip("/").rpartition("/")[2]
    stem, _, suffix = name.rpartition(".")
    if not stem.strip(".") or not suffix:  # `Makefile`, `.env`, `..`, `name.`
        return NO_EXTENSION
    suffix = suffix.lower()
    return f"*.{suffix}" if suffix in _EXTENSIONS else fold("path")


def _absolute(path: str) -> str:
    if _DRIVE.match(path):  # also when the path is another machine's
        return path
    try:
        return os.path.abspath(path).replace("\\", "/")  # noqa: PTH100 - resolves no links
    except (OSError, ValueError):  # the working directory was deleted
        return path


def _root(text: str) -> str:
    return _absolute(os.path.expanduser(text.strip()))  # noqa: PTH111 - beside abspath


def _below(path: str, roots: tuple[str, ...]) -> str | None:
    for root in roots:
        if path == root:
            return ""
        prefix = root.rstrip("/") + "/"
        if path.startswith(prefix):
            return path[len(prefix) :]
    return None


_current = PathLabel(PathSettings.from_environment(os.environ))


def label_for(path: object, *, directory: bool = False, given: str | None = None) -> str:
    """Return the label for `path` by the settings in force; see `PathLabel`."""
    return _current(path, directory=directory, given=given)


def set_path_label(
    mode: Mode = "extension", *, roots: Iterable[str] | None = None, cap: int = DEFAULT_CAP
) -> None:
    """Choose in code what `DREAMOS_METRICS_PATH_LABEL`, `_ROOTS` and `_CAP` choose outside.

    Values already counted stay.

    Raises:
        ValueError: an unknown mode, or a cap below 1.
    """
    global _current
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, not one of {', '.join(MODES)}")
    if cap < 1:
        raise ValueError(f"cap is {cap}, not 1 or more")
    named = None if roots is None else tuple(_root(root) for root in roots)
    _current = PathLabel(PathSettings(mode, named, cap))
