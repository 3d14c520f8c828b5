"""Alias of this library inside of another package: `dreamos.core.metrics`.

Two lines at the end of that package are enough, whatever is in it already:

    from dreamos_metrics.alias import extend as _extend
    _extend(__name__)

Whoever imports from it gets the names of `__all__` here from us, every other public name from the
package itself where it has one, and our modules: `dreamos.core.metrics.logs` is then the very
module `dreamos_metrics.logs`, not a second copy whose metrics nobody would see.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any

from dreamos_metrics.metrics.counter import Counter
from dreamos_metrics.metrics.enum import Enum
from dreamos_metrics.metrics.gauge import Gauge
from dreamos_metrics.metrics.histogram import DEFAULT_BUCKETS, Histogram
from dreamos_metrics.metrics.info import Info
from dreamos_metrics.metrics.snapshot_hooks import on_snapshot
from dreamos_metrics.metrics.summary import Summary
from dreamos_metrics.public_names import HOME_OF_LAZY_NAME, load
from dreamos_metrics.push.lifecycle import flush, stop
from dreamos_metrics.startup import start

__all__ = [
    "DEFAULT_BUCKETS",
    "Counter",
    "Enum",
    "Gauge",
    "Histogram",
    "Info",
    "Summary",
    "flush",
    "on_snapshot",
    "start",
    "stop",
]

_LIBRARY = __name__.rpartition(".")[0]


def extend(package: str) -> None:
    """Give a package the public names and modules of this library.

    Args:
        package: name of a package or module that is being imported, such as `dreamos.core.metrics`.
    """
    module = sys.modules[package]
    before = dict(vars(module))
    own_getattr = before.get("__getattr__")

    def lookup(name: str) -> Any:
        if own_getattr is not None:
            with contextlib.suppress(AttributeError):
                return own_getattr(name)
        if name not in HOME_OF_LAZY_NAME or _has_module(module, name):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = load(name)
        setattr(module, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *HOME_OF_LAZY_NAME})

    ours = {name: globals()[name] for name in __all__}
    _show(module, {n: value for n, value in ours.items() if before.get(n, value) is not value})
    vars(module).update({name: value for name, value in ours.items() if name not in before})
    vars(module).update(__getattr__=lookup, __dir__=names)
    # A module that is a single file has no modules of its own; with a path it may have ours.
    vars(module).setdefault("__path__", [])
    own_names = before.get("__all__") or [name for name in before if not name.startswith("_")]
    vars(module)["__all__"] = list(dict.fromkeys([*own_names, *__all__, *HOME_OF_LAZY_NAME]))
    if package not in [f.package for f in sys.meta_path if isinstance(f, AliasFinder)]:
        sys.meta_path.insert(0, AliasFinder(package))


def _has_module(module: ModuleType, name: str) -> bool:
    """Whether the package has a module of this name, which `from package import name` may mean."""
    return PathFinder.find_spec(f"{module.__name__}.{name}", module.__path__) is not None


def _show(module: ModuleType, values: Mapping[str, object]) -> None:
    """Let importers see these values where the module's own code sees its own.

    A package may well count with `collections.Counter`, and must go on doing so. Its functions look
    names up in the module's dictionary; `from package import Counter` asks the module's type first.
    """
    if not values:
        return
    shown = dict(values)

    class AliasedModule(type(module)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            return shown[name] if name in shown else super().__getattribute__(name)

        def __setattr__(self, name: str, value: object) -> None:
            shown.pop(name, None)
            super().__setattr__(name, value)

    module.__class__ = AliasedModule


class AliasFinder(MetaPathFinder):
    """Finder of this library's modules under the name of another package."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to import an alias; None for every other module, and for the package's own."""
        if not fullname.startswith(self.package + "."):
            return None
        original = _LIBRARY + fullname[len(self.package) :]
        parent = sys.modules.get(fullname.rpartition(".")[0])
        inside_of_ours = parent is not None and parent is sys.modules.get(
            original.rpartition(".")[0]
        )
        if not inside_of_ours and PathFinder.find_spec(fullname, path) is not None:
            return None
        found = _find_spec(original)
        if found is None:
            return None
        spec = ModuleSpec(fullname, AliasLoader(found), origin=found.origin)
        spec.submodule_search_locations = found.submodule_search_locations
        return spec


def _find_spec(original: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(original)
    except ModuleNotFoundError:  # its parent is no module of ours
        return None


class AliasLoader(Loader):
    """Loader that hands out a module which has another name."""

    def __init__(self, original: ModuleSpec) -> None:
        self._original = original

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the one module, imported under its own name."""
        module = importlib.import_module(self._original.name)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Undo what the import system noted on the module: it keeps the spec of its own name."""
        module.__spec__ = self._own_spec

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the module, for `python -m`."""
        code: CodeType | None = self._original.loader.get_code(self._original.name)  # type: ignore[union-attr]
        return code
