"""The rooms of the service: what stands on what, and no circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOUSE = ROOT / "services" / "metrics"
MAY_IMPORT = {
    "series": {"series"},
    "protocol": {"series", "protocol", "errors", "settings"},
    "parsing": {"series", "protocol", "parsing", "errors", "settings"},
    "store": {"series", "protocol", "parsing", "store", "errors", "settings"},
    "exposition": {"series", "parsing", "exposition", "settings"},
}


def imports(path: Path) -> set[str]:
    """Return the modules of the service that a file imports, without ``services.metrics``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("services.metrics."):
            name = str(node.module).removeprefix("services.metrics.")
            inside = HOUSE.joinpath(*name.split("."))
            names = [f"{name}.{each.name}" for each in node.names] if inside.is_dir() else [name]
            found.update(names)
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_stands_on_those_below_it(room: str) -> None:
    files = list((HOUSE / room).glob("*.py"))
    assert len(files) > 3
    upwards = {
        f"{path.name} imports {name}"
        for path in files
        for name in imports(path)
        if name.split(".")[0] not in MAY_IMPORT[room]
    }
    assert set() == upwards


def test_no_module_of_these_rooms_imports_itself_in_a_circle() -> None:
    graph = {
        f"{room}.{path.stem}": imports(path)
        for room in MAY_IMPORT
        for path in (HOUSE / room).glob("*.py")
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for each in sorted(graph.get(name, ())):
                visit(each, (*way, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
