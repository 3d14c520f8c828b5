"""`dreamos.core.metrics` is another name for `dreamos_metrics`: the same objects, the same modules."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dreamos.core.metrics as alias
import dreamos.core.metrics.logs as alias_logs
import dreamos_metrics
import dreamos_metrics.logs
from dreamos.core.metrics.compat import FileMetrics
from tests.unit.library.adoption.checkout import ROOT, SOURCE, run_python

MODULES = ["agents", "compat", "files", "logs", "middleware", "performance", "testing"]


def test_every_public_name_is_the_same_object_under_both_names() -> None:
    assert sorted(dreamos_metrics.__all__) == sorted(alias.__all__)
    names = dreamos_metrics.__all__
    assert [] == [n for n in names if getattr(alias, n) is not getattr(dreamos_metrics, n)]


@pytest.mark.parametrize("name", [*MODULES, "compat.base", "metrics.counter", "push.pusher"])
def test_every_module_is_the_same_module_under_both_names(name: str) -> None:
    theirs = importlib.import_module(f"dreamos.core.metrics.{name}")
    ours = importlib.import_module(f"dreamos_metrics.{name}")
    assert ours is theirs
    assert f"dreamos_metrics.{name}" == ours.__name__ == getattr(ours.__spec__, "name", None)


def test_all_ways_to_import_a_module_give_the_same() -> None:
    assert dreamos_metrics.logs is alias_logs is alias.logs
    assert dreamos_metrics.FileMetrics is FileMetrics


def test_an_unknown_module_or_name_is_an_ordinary_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"dreamos\.core\.metrics\.nothing"):
        importlib.import_module("dreamos.core.metrics.nothing")
    with pytest.raises(
        AttributeError, match=r"'dreamos\.core\.metrics' has no attribute 'nothing'"
    ):
        _ = alias.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("first", ["dreamos.core.metrics", "dreamos_metrics"])
def test_whoever_is_imported_first_a_count_is_one_count(first: str) -> None:
    second = ({"dreamos.core.metrics", "dreamos_metrics"} - {first}).pop()
    done = run_python("-W", "error", "-c", f"""
from {first} import Counter, files
from {second} import Counter as Other
from {second}.testing import value
Counter("one_total", "d").inc()
Other("one_total", "d").inc()
assert 2 == value("one_total")
""")  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr)


def test_the_import_loads_none_of_the_lazy_modules() -> None:
    code = "import sys, dreamos.core.metrics; print('dreamos_metrics.middleware' in sys.modules)"
    assert "False\n" == run_python("-c", code).stdout


def test_both_names_know_of_every_public_module_for_type_checkers() -> None:
    stubs = {file.stem for file in (SOURCE / "dreamos/core/metrics").glob("*.pyi")} - {"__init__"}
    assert set(MODULES) == stubs


def test_no_package_above_the_alias_is_a_regular_one() -> None:
    assert [] == [*SOURCE.glob("dreamos/__init__.*"), *SOURCE.glob("dreamos/core/__init__.*")]


@pytest.mark.parametrize("page", ["README.md", "docs/instrumenting.md"])
def test_every_import_on_the_pages_works_under_both_names(page: str) -> None:
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"))
    imports = {
        line.strip()
        for block in blocks
        for line in block.splitlines()
        if re.match(r"\s*(from|import) (dreamos\.core\.metrics|dreamos_metrics)\b", line)
    }
    assert imports, "the page shows no import of the library"
    lines = [re.sub(r"dreamos\.core\.metrics|dreamos_metrics", name, line)
             for line in sorted(imports) for name in ("dreamos.core.metrics", "dreamos_metrics")]  # fmt: skip
    done = run_python("-c", "\n".join(lines))
    assert (0, "") == (done.returncode, done.stderr)


def test_a_file_with_every_public_name_passes_mypy_strict_under_our_own_name(
    tmp_path: Path,
) -> None:
    sample = (ROOT / "tests/typing/every_public_name.py").read_text(encoding="utf-8")
    file = tmp_path / "every_name.py"
    file.write_text(sample.replace("dreamos.core.metrics", "dreamos_metrics"))
    assert "dreamos.core" not in file.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr), done.stdout


def imports_of(file: Path) -> set[str]:
    """Return the modules of the library that a file imports anywhere, for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert 0 == node.level, f"{file}: imports are absolute"
            found.update({f"{node.module}.{item.name}" for item in node.names})
        elif isinstance(node, ast.Import):
            found.update(item.name for item in node.names)
    return {name for name in found if name.startswith("dreamos_metrics")}


def library() -> dict[str, Path]:
    """Return the modules of the library by name."""
    files = (SOURCE / "dreamos_metrics").rglob("*.py")
    return {
        ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


def test_no_module_imports_the_face_of_the_package_and_none_imports_in_a_circle() -> None:
    modules = library()
    graph: dict[str, set[str]] = {}
    for name, file in modules.items():
        targets = set()
        for target in imports_of(file):
            home = target if target in modules else target.rpartition(".")[0]
            targets.add(home)
        if name != "dreamos_metrics":
            assert "dreamos_metrics" not in targets, f"{name} imports the package's face"
        graph[name] = targets - {name}
    while free := {name for name, targets in graph.items() if not targets & graph.keys()}:
        graph = {name: targets for name, targets in graph.items() if name not in free}
    assert {} == graph, "these import each other"


def test_rooms_import_only_from_rooms_below() -> None:
    floors = ["metrics", "spool", "push"]
    for name, file in library().items():
        room = name.split(".")[1] if name.count(".") > 1 else ""
        if room in floors:
            above = floors[floors.index(room) + 1 :]
            used = {target.split(".")[1] for target in imports_of(file)}
            assert used <= set(floors) - set(above), f"{name} imports upwards"
