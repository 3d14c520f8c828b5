"""`docs/instrumenting.md` tells what is true: its code runs, and no public name is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import dreamos.core.metrics as metrics
import dreamos_metrics
from dreamos.core.metrics import files, logs

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "instrumenting.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?ms)^```python\n(.*?)^```", PAGE)


def run(code: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DREAMOS_METRICS_SPOOL": "",
             "DREAMOS_METRICS_URL": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr


def test_all_the_code_of_the_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    (own,) = (block for block in BLOCKS if "reviews = Counter(" in block)
    (test,) = (block for block in BLOCKS if "testing.fresh()" in block)
    working = [block for block in BLOCKS if block is not test]
    assert 8 <= len(working)
    run("\n".join(working), tmp_path)
    run("\n".join([own, test]), tmp_path)  # as the page says: in tests nothing pushes


def test_every_public_name_is_mentioned_on_a_page_for_users() -> None:
    library = ROOT / "docs" / "library.md"
    text = PAGE + (library.read_text(encoding="utf-8") if library.exists() else "")
    types = {"Agent", "Queue", "Cache", "MetricsHandler"}  # what the functions return
    names = {*metrics.__all__, *files.__all__, *logs.__all__} - types
    core = {"DEFAULT_BUCKETS", "Info", "Summary", "on_snapshot"}  # library.md
    assert set() == {name for name in names - core if not re.search(rf"\b{name}\b", text)}


def test_every_setting_of_the_environment_is_named() -> None:
    package = Path(dreamos_metrics.__file__).parent
    modules = ("push/settings.py", "instrumentation/path_label.py")
    source = "".join((package / name).read_text() for name in modules)
    read = set(re.findall(r"DREAMOS_METRICS_[A-Z_]+[A-Z]", source))
    assert set() == {name for name in read if name not in PAGE}
