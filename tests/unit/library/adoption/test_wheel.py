"""The wheel in a real environment: both names are there, and no file of a real Dream.OS is touched."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.unit.library.adoption.checkout import METRICS, ROOT, make_checkout

BOTH_NAMES = """
import dreamos_metrics, dreamos.core.metrics as alias, dreamos.core.metrics.logs as logs
from dreamos.core.metrics import Counter, FileMetrics
assert (Counter, FileMetrics) == (dreamos_metrics.Counter, dreamos_metrics.FileMetrics)
assert logs is dreamos_metrics.logs and "site-packages" in alias.__file__
"""
THEIRS = """
from dreamos.core.metrics import BaseMetrics, FileMetrics
assert BaseMetrics.__module__ == "dreamos.core.metrics.base" and FileMetrics().name == "theirs"
"""


def call(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library's wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    call(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--wheel-dir", folder, ROOT, cwd=folder,
    )  # fmt: skip
    return next(folder.glob("dreamos_metrics-*.whl"))


@pytest.fixture
def dream_os(tmp_path: Path) -> Path:
    """Return a wheel of a made-up Dream.OS, with a metrics package of its own."""
    checkout = make_checkout(tmp_path / "dream-os")
    path = tmp_path / "dreamos-1.0-py3-none-any.whl"
    files = {str(f.relative_to(checkout)): f.read_text() for f in checkout.rglob("*.py")}
    info = "dreamos-1.0.dist-info"
    files[f"{info}/METADATA"] = "Metadata-Version: 2.1\nName: dreamos\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


class Environment:
    """A virtual environment that sees the dependencies of this one, but not this checkout."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.site = next(folder.glob("lib/python*/site-packages"))
        here = next(Path(path) for path in sys.path if (Path(path) / "prometheus_client").is_dir())
        (self.site / "dependencies.pth").write_text(f"{here}\n")

    def pip(self, *arguments: object) -> None:
        call(
            sys.executable, "-m", "pip", f"--python={self.python}", *arguments, "--quiet",
            cwd=self.folder,
        )  # fmt: skip

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-deps", "--no-index", wheel)

    def run(self, code: str) -> str:
        return call(self.python, "-W", "error", "-c", code, cwd=self.folder)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def test_the_wheel_has_no_file_in_a_folder_that_a_dream_os_may_have(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    ours = {"dreamos_metrics", "dreamos_metrics_alias", "dreamos_metrics_alias.pth"}
    assert ours == {top for top in tops if not top.endswith(".dist-info")}


def test_alone_it_gives_both_names(wheel: Path, environment: Environment) -> None:
    environment.install(wheel)
    environment.run(BOTH_NAMES)
    environment.run("import runpy, sys; sys.argv = ['x', '--version']\n"
                    "try: runpy.run_module('dreamos.core.metrics', run_name='__main__')\n"
                    "except SystemExit as end: assert not end.code")  # fmt: skip


@pytest.mark.parametrize("ours_first", [True, False])
def test_beside_a_real_dream_os_neither_loses_a_file(
    wheel: Path, dream_os: Path, environment: Environment, ours_first: bool
) -> None:
    for each in (wheel, dream_os) if ours_first else (dream_os, wheel):
        environment.install(each)
    theirs = environment.site / "dreamos" / "core" / "metrics" / "__init__.py"
    assert METRICS == theirs.read_text()
    environment.run(THEIRS)
    environment.run("from dreamos_metrics import Counter; Counter('a', 'b').inc()")
    environment.pip("uninstall", "--yes", "dreamos-metrics")
    assert METRICS == theirs.read_text()
    environment.run(THEIRS)


def test_ours_goes_on_when_the_dream_os_is_uninstalled(
    wheel: Path, dream_os: Path, environment: Environment
) -> None:
    environment.install(dream_os)
    environment.install(wheel)
    environment.pip("uninstall", "--yes", "dreamos")
    environment.run(BOTH_NAMES)


def test_a_dream_os_that_has_adopted_us_gives_both(
    wheel: Path, dream_os: Path, environment: Environment
) -> None:
    environment.install(dream_os)
    environment.install(wheel)
    call(environment.python, "-m", "dreamos_metrics", "adopt", environment.site, "--yes",
         cwd=environment.folder)  # fmt: skip
    environment.run(THEIRS)
    environment.run(
        "import dreamos_metrics, dreamos.core.metrics as metrics\n"
        "assert metrics.Counter is dreamos_metrics.Counter\n"
        "assert metrics.LogMetrics is dreamos_metrics.LogMetrics"
    )


def test_type_checkers_see_both_names_in_the_environment(
    wheel: Path, environment: Environment, tmp_path: Path
) -> None:
    environment.install(wheel)
    agent = tmp_path / "agent.py"
    agent.write_text(
        "from dreamos.core.metrics import Counter, logs\n"
        "import dreamos_metrics\n"
        "Counter('a', 'b').inc()\n"
        "logs.install()\n"
        "dreamos_metrics.start(agent='Agent-1').heartbeat()\n"
        "Counter('a', 'b').inc('c')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", environment.python,
         "--cache-dir", tmp_path / "cache", agent],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ["6"] == [line.split(":")[1] for line in done.stdout.splitlines() if ": error" in line]
