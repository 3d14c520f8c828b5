"""Adoption by a Dream.OS checkout: the lines that make its `dreamos.core.metrics` give our names.

Such a checkout has a regular package `dreamos`, which wins over any other one of that name. So the
names come in through a file of its own, at whose end a few lines are added; not a byte before them
changes.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dreamos_metrics import alias
from dreamos_metrics.instrumentation.atomic_file import replace_file

PACKAGE = "dreamos"
_MAX_SEARCH_DEPTH = 4
_SKIPPED_FOLDERS = frozenset({"node_modules", "site-packages", "dist-packages", "build", "dist"})

_NEW_FILE = '"""Metrics of Dream.OS: the names of the library dreamos-metrics."""\n'
_LINES = """\
# The names of dreamos-metrics, beside those of this package (`python -m dreamos_metrics adopt`).
from typing import TYPE_CHECKING  # noqa: E402

from dreamos_metrics.alias import extend as _extend  # noqa: E402

if TYPE_CHECKING:
    from {source} import *  # noqa: F403
_extend(__name__)
"""


class AdoptionError(Exception):
    """A checkout that cannot be adopted; the message says why and what to do."""


@dataclass(frozen=True)
class Adoption:
    """Change of one file.

    Attributes:
        file: the file in which `dreamos.core.metrics` is, or will be.
        before: its bytes; None when it does not exist yet.
        added: the text at its end; empty when it has adopted us already.
        shared: names that the file defines and that importers will get from us, each with its line.
            Code inside of the file keeps its own.
    """

    file: Path
    before: bytes | None
    added: str
    shared: dict[str, int]

    def write(self) -> None:
        """Write the file: whole or not at all.

        Raises:
            OSError: it cannot be written, and nothing has changed.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # A link stays a link: what it points to is replaced.
        target = Path(os.path.realpath(self.file))
        replace_file(target, (self.before or b"") + self.added.encode("ascii"))


def plan(path: Path) -> Adoption:
    """Return the change that a checkout needs.

    Args:
        path: the checkout, or the folder `dreamos` in it.

    Raises:
        AdoptionError: there is no such package, more than one, or one that cannot be read.
    """
    file = _metrics_file(_find_package(path))
    if not file.exists():
        return Adoption(file, None, f"{_NEW_FILE}\n{_LINES.format(source='dreamos_metrics')}", {})
    try:
        before = file.read_bytes()
        tree = ast.parse(before, filename=str(file))
    except OSError as error:
        raise AdoptionError(f"{file} cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        where = getattr(error, "lineno", None)
        raise AdoptionError(
            f"{file} is not Python that can be read"
            f"{f' (line {where})' if where else ''}: mend it first; nothing was changed"
        ) from error
    if _has_adopted(tree):
        return Adoption(file, before, "", {})
    added = ("" if not before.strip() else "\n\n") + _LINES.format(source="dreamos_metrics.alias")
    if before and not before.endswith((b"\n", b"\r")):
        added = "\n" + added
    if b"\r\n" in before:
        added = added.replace("\n", "\r\n")
    return Adoption(file, before, added, _shared_names(tree))


def _find_package(path: Path) -> Path:
    if not path.exists():
        raise AdoptionError(
            f"{path}: there is no such folder; give the path of a Dream.OS checkout"
        )
    if not path.is_dir():
        raise AdoptionError(f"{path} is a file; give the path of the checkout's folder")
    root = path.resolve()
    likely = [root, root / PACKAGE, root / "src" / PACKAGE]
    found = [folder for folder in likely if _is_package(folder)]
    found = found[:1] or sorted(_search(root, _MAX_SEARCH_DEPTH))
    if not found:
        raise AdoptionError(
            f"{path} has no package {PACKAGE!r} (a folder {PACKAGE}/ with an __init__.py or a core/ "
            f"in it); give the path of a Dream.OS checkout, or of that folder"
        )
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise AdoptionError(
            f"{path} has several packages {PACKAGE!r}; give the path of one: {names}"
        )
    return found[0]


def _is_package(folder: Path) -> bool:
    return folder.name == PACKAGE and (
        (folder / "__init__.py").is_file() or (folder / "core").is_dir()
    )


def _search(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink() or not entry.is_dir():
            continue
        if entry.name.startswith(".") or entry.name in _SKIPPED_FOLDERS or _is_environment(entry):
            continue
        if _is_package(entry):
            yield entry
        elif depth > 1:
            yield from _search(entry, depth - 1)


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").is_file()


def _metrics_file(package: Path) -> Path:
    """Return the file that Python would take for `dreamos.core.metrics`, or the one to make."""
    core = package / "core"
    if not core.exists() and (package / "core.py").is_file():
        raise AdoptionError(
            f"{package / 'core.py'} is a module, so there can be no {PACKAGE}.core.metrics; "
            f"make it a package first: core/__init__.py"
        )
    initial, module = core / "metrics" / "__init__.py", core / "metrics.py"
    return module if module.is_file() and not initial.is_file() else initial


def _has_adopted(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "dreamos_metrics.alias"
        for node in tree.body
    )


def _shared_names(tree: ast.Module) -> dict[str, int]:
    bound: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [(item.asname or item.name).partition(".")[0] for item in node.names]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            continue
        bound.update((name, node.lineno) for name in names)
    return {name: line for name, line in sorted(bound.items()) if name in alias.__all__}
