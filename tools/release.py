"""`make release`: the wheel and the source archive, their checksums, what is in them, and a tag.

Everything is made in `dist/` before the tag is set; nothing is uploaded or pushed.
"""

from __future__ import annotations

import hashlib
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION_FILE = "src/dreamos_metrics/version.py"
LOCK = "requirements-release.txt"


class ReleaseError(Exception):
    """Why there is no release, and what to do about it."""


def main() -> int:
    """Make the release of this commit; returns 1, with a word on stderr, where that cannot be."""
    try:
        version = str(runpy.run_path(str(ROOT / VERSION_FILE))["__version__"])
        _check(ROOT, version)
        _build(ROOT, version)
        _git(ROOT, "tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for path in sorted((ROOT / "dist").iterdir()):
        print(f"dist/{path.name}")
    print(f"tagged v{version}; `git push origin v{version}` shows it to others")
    return 0


def _check(root: Path, version: str) -> None:
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("there are changes that are not committed; commit or remove them")
    if _git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"v{version} is tagged already; raise the version in {VERSION_FILE}")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)}\b", changes, re.MULTILINE):
        raise ReleaseError(
            f"CHANGELOG.md has no '## {version}'; give what is unreleased that heading"
        )


def _build(root: Path, version: str) -> None:
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    options = ("--no-build-isolation", "--python", sys.executable)  # hatchling is in the lock
    _run(root, *uv, "build", "--quiet", *options, "--out-dir", str(dist))
    _run(
        root,
        *uv,
        *("run", "--quiet", "--no-project", "--with-requirements", LOCK),
        *("cyclonedx-py", "requirements", "requirements.txt", "--pyproject", "pyproject.toml"),
        *("--output-reproducible", "-o", str(dist / f"dreamos-metrics-{version}.cdx.json")),
    )
    (dist / ".gitignore").unlink(missing_ok=True)  # uv writes one
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(dist.iterdir())
    ]
    (dist / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def _git(root: Path, *words: str) -> str:
    return _run(root, "git", *words)


def _run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
