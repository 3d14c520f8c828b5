"""The types are part of the interface."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dreamos.core.metrics as metrics

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
CORE = {
    *("DEFAULT_BUCKETS", "Counter", "Enum", "Gauge", "Histogram", "Info", "Summary"),
    *("flush", "on_snapshot", "start", "stop"),
}


def test_a_file_that_uses_every_name_of_the_core_passes_mypy_strict() -> None:
    text = (HERE / "every_name.py").read_text()
    assert CORE <= set(metrics.__all__)
    assert [] == [name for name in CORE if name not in text]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(HERE / "every_name.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert 0 == done.returncode, done.stdout


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/dreamos/core/metrics/py.typed").is_file()


def test_that_file_runs_too() -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "every_name.py")],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_every_public_name_can_be_had_and_none_twice() -> None:
    assert [] == [name for name in metrics.__all__ if getattr(metrics, name, None) is None]
    assert len(set(metrics.__all__)) == len(metrics.__all__)
    assert set(metrics.__all__) <= set(dir(metrics))
