"""The virtual environment in which `make test` and the developers' commands run."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from .console import StackError, last_lines, run, step, watch
from .provision import packages

LOCK = "requirements-dev.txt"


def ensure(root: Path) -> Path:
    """Make `.venv` as the lock says; a second call with the same lock does nothing.

    Args:
        root: the checkout.

    Returns:
        The environment's Python.

    Raises:
        StackError: when Python cannot make environments, or a package does not install.
    """
    folder = root / ".venv"
    python = folder / "bin" / "python"
    mark = folder / ".lock-digest"
    wanted = hashlib.sha256((root / LOCK).read_bytes() + sys.version.encode()).hexdigest()
    if python.exists() and mark.exists() and mark.read_text() == wanted:
        return python
    _ensure_venv_module()
    with step("Making the virtual environment .venv"):
        result = run([sys.executable, "-m", "venv", "--clear", str(folder)])
        if result.returncode:
            raise StackError(
                f"python3 -m venv failed:\n{last_lines(result.stdout + result.stderr)}"
            )
    with step(f"Installing {LOCK}"):
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "--require-hashes",
            "-r",
            str(root / LOCK),
        ]
        code, output = watch(command, show=lambda line: line.startswith("ERROR"))
        if code:
            raise StackError(f"pip could not install {LOCK}:\n{last_lines(output)}")
    mark.write_text(wanted)
    return python


def _ensure_venv_module() -> None:
    # Debian's python3 has venv but not ensurepip, which venv needs; python3-venv brings it.
    if importlib.util.find_spec("ensurepip") is None:
        packages.require(
            "python3-venv", "the tests run in a virtual environment", "install python3-venv"
        )
        packages.install("python3-venv")
