"""A made-up Dream.OS checkout with the shape of a real one, and Python processes that run in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
SOURCE = ROOT / "src"

METRICS = '''"""Metrics of the made-up Dream.OS."""
from collections import Counter

from .base import BaseMetrics
from .file_metrics import FileMetrics

__all__ = ["BaseMetrics", "FileMetrics", "most_common"]


def most_common(words):
    return Counter(words).most_common(1)[0]
'''
BASE = """class BaseMetrics:
    def __init__(self, name):
        self.name = name
        self.counters = {}

    def increment(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1
"""
FILES = """from .base import BaseMetrics


class FileMetrics(BaseMetrics):
    def __init__(self):
        super().__init__("theirs")
"""


def make_checkout(root: Path, *, metrics: str | None = METRICS, below: str = "") -> Path:
    """Make a checkout and return its folder; without `metrics` it has no metrics package."""
    core = root / below / "dreamos" / "core"
    core.mkdir(parents=True)
    (core.parent / "__init__.py").write_text('"""The made-up Dream.OS."""\n')
    (core / "__init__.py").write_text("VERSION = 'theirs'\n")
    if metrics is not None:
        (core / "metrics").mkdir()
        (core / "metrics" / "__init__.py").write_text(metrics)
        (core / "metrics" / "base.py").write_text(BASE)
        (core / "metrics" / "file_metrics.py").write_text(FILES)
    return root


def adopt(*arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return run_python("-m", "dreamos_metrics", "adopt", *map(str, arguments), stdin=stdin)


def run_python(
    *arguments: str, checkout: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with the library on its path, and before it a checkout."""
    path = [str(folder) for folder in (checkout, SOURCE) if folder is not None]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DREAMOS_METRICS")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**clean, "PYTHONPATH": os.pathsep.join(path)},
        input=stdin or "", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
