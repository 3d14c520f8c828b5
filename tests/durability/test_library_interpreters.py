"""Exact under threads on every interpreter that is installed here, with and without the lock."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import prometheus_client
import pytest

from tests.durability.harness import ROOT, clean_environment

INCREMENTS = int(os.environ.get("DREAMOS_TEST_INCREMENTS", "1000000"))
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t")

CODE = """
import sys
from benchmarks.client.threads import lost
from dreamos_metrics.metrics.family import REGISTRY
print(*lost(int(sys.argv[1])), REGISTRY.additions_locked)
"""


@functools.lru_cache
def interpreter(version: str) -> str | None:
    """Return the path of an interpreter of this version: on the path, or one of pyenv's."""
    found = shutil.which(f"python{version}")
    if found and _version(found):
        return found
    suffix = "t" if version.endswith("t") else ""
    for path in sorted(Path.home().glob(f".pyenv/versions/{version.rstrip('t')}.*/bin/python")):
        if path.parts[-3].endswith("t") == bool(suffix):
            return str(path)
    return None


def _version(path: str) -> bool:
    # pyenv's shims exist for versions that are not switched on.
    return subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("lock", ["", "1"], ids=["as chosen", "with the lock"])
@pytest.mark.parametrize("version", VERSIONS)
def test_four_threads_lose_nothing(version: str, lock: str, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    # The library needs nothing else here, and this package is plain Python: any version can import ours.
    (tmp_path / "prometheus_client").symlink_to(Path(prometheus_client.__file__).parent)
    done = subprocess.run(
        [python, "-c", CODE, str(INCREMENTS)],
        env={
            **clean_environment(),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), str(tmp_path)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DREAMOS_METRICS_LOCK": lock,
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    locked = bool(lock) or version.endswith("t")
    assert f"0.0 0.0 {locked}\n" == done.stdout


def test_this_interpreter_is_among_them() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in VERSIONS
