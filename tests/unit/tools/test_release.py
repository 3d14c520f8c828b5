"""``make release`` in a real clone: what it makes, and when it makes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dreamos_metrics.version import __version__

ROOT = Path(__file__).resolve().parents[3]
WHO = {
    f"GIT_{who}_{what}": "a@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=", *words],
        cwd=folder,
        env={**os.environ, **WHO},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def release(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.release"],
        cwd=folder,
        env={**os.environ, **WHO},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The working tree as it is now, committed in a repository of its own."""
    folder = tmp_path / "clone"
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "--quiet")
    changes = folder / "CHANGELOG.md"
    changes.write_text(changes.read_text().replace("## Unreleased", f"## {__version__}", 1))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Release")
    return folder


def test_a_release_is_a_tag_with_wheel_source_contents_and_checksums(clone: Path) -> None:
    done = release(clone)
    assert 0 == done.returncode, done.stderr
    assert f"v{__version__}" == git(clone, "describe", "--exact-match")
    assert "" == git(clone, "status", "--porcelain")
    dist = clone / "dist"
    wheel = f"dreamos_metrics-{__version__}-py3-none-any.whl"
    contents = f"dreamos-metrics-{__version__}.cdx.json"
    archive = f"dreamos_metrics-{__version__}.tar.gz"
    assert {wheel, contents, archive, "SHA256SUMS"} == {path.name for path in dist.iterdir()}
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, check=True)
    with zipfile.ZipFile(dist / wheel) as packed:
        assert "dreamos_metrics/version.py" in packed.namelist()
    listed = json.loads((dist / contents).read_text())
    assert "CycloneDX" == listed["bomFormat"]
    locked = (clone / "requirements.txt").read_text()
    for component in listed["components"]:
        assert f"{component['name']}=={component['version']}" in locked
    assert "flask" in {component["name"] for component in listed["components"]}


def test_no_release_of_what_is_not_committed(clone: Path) -> None:
    (clone / "README.md").write_text("changed")
    done = release(clone)
    assert (1, True) == (done.returncode, "not committed" in done.stderr)
    assert "" == git(clone, "tag", "--list")


def test_no_release_without_a_word_to_the_reader(clone: Path) -> None:
    (clone / "CHANGELOG.md").write_text("# Changelog\n")
    git(clone, "commit", "--quiet", "--all", "--message", "No word")
    done = release(clone)
    assert (1, True) == (done.returncode, f"no '## {__version__}'" in done.stderr)
    assert "" == git(clone, "tag", "--list")


def test_no_version_is_released_twice(clone: Path) -> None:
    git(clone, "tag", f"v{__version__}")
    done = release(clone)
    assert (1, True) == (done.returncode, "tagged already" in done.stderr)


def test_library_and_service_have_one_version(clone: Path) -> None:
    (clone / "src/dreamos_metrics/version.py").write_text('__version__ = "9.9.9"\n')
    said = subprocess.run(
        [sys.executable, "-c", "import services.metrics as m; print(m.__version__)"],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "9.9.9" == said.stdout.strip()
