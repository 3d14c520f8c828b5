"""`make lock`: write requirements*.txt from requirements/*.in.

The locks hold exact versions and hashes for every platform and for Python 3.10 and later, and no registry's
address: pip uses the one that it is set up for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = "3.10"
LOCKS = {
    "service.in": "requirements.txt",
    "dev.in": "requirements-dev.txt",
    "release.in": "requirements-release.txt",
}


def main() -> int:
    """Resolve all files; returns uv's exit code."""
    for source, lock in LOCKS.items():
        command = ["uv", "pip", "compile", "--quiet", "--upgrade", "--universal"]
        command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--no-header", "--python-version", OLDEST_PYTHON]
        command += [f"requirements/{source}", "-o", lock]
        code = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode
        if code:
            return code
        print(f"{lock} written from requirements/{source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
