"""Compose and buildx, the plugins of the Docker client."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tools.stack.console import StackError, last_lines, run, say

from . import packages

FOLDER = Path("/usr/libexec/docker/cli-plugins")


def install() -> None:
    """Install Compose and buildx: from the distribution where it has them, else Debian testing's.

    Debian 12 has neither. Testing's packages are single static binaries, so they run here; they are
    unpacked beside the system's packages and nothing else of testing is let in.
    """
    if packages.distribution().get("ID") == "ubuntu":
        packages.install("docker-compose-v2", "docker-buildx")
        return
    with tempfile.TemporaryDirectory(prefix="dreamos-deb-") as name:
        folder = Path(name)
        debs = packages.download("testing", ("docker-compose", "docker-buildx"), folder)
        FOLDER.mkdir(parents=True, exist_ok=True)
        for deb, plugin in zip(debs, ("docker-compose", "docker-buildx"), strict=True):
            unpacked = folder / plugin
            result = run(["dpkg-deb", "-x", str(deb), str(unpacked)])
            if result.returncode:
                raise StackError(f"{deb.name} does not unpack:\n{last_lines(result.stderr)}")
            target = FOLDER / plugin
            shutil.copyfile(unpacked / FOLDER.relative_to("/") / plugin, target)
            target.chmod(0o755)
    say(f"    Compose and buildx are in {FOLDER}")
