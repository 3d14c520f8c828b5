"""A second checkout of the project, as it stands here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.e2e.stack import ROOT


def copy(target: Path) -> Path:
    """Copy every file that belongs to the project, changed or not, and return the folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if name == ".venv" or not (ROOT / name).is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)
    return target
