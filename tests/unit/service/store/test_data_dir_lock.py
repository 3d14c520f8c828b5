"""The data folder belongs to one service at a time."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from services.metrics.store.data_dir_lock import DataDirLockedError, claim


def test_a_second_one_waits_and_then_says_which_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = claim(folder)
    with pytest.raises(DataDirLockedError, match="another service uses the data folder") as caught:
        claim(folder, patience=0.1)
    assert str(folder) in str(caught.value)
    first.close()
    claim(folder, patience=0.1).close()
    assert (0o700, 0o600) == tuple(
        stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "lock")
    )


def test_it_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from services.metrics.store.data_dir_lock import claim\n"
        "held = claim(Path(sys.argv[1])); os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, timeout=60, check=False
    )
    assert -9 == done.returncode
    claim(tmp_path, patience=5).close()
