"""Stand-ins for images: built from Debian packages where no registry can be reached.

See docs/decisions/0003-images-from-debian-packages.md.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tools.stack.console import StackError, last_lines, run, step

from . import packages

SUITE = "testing"
RECIPE_LABEL = "dreamos.recipe"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Substitute:
    """An image that we build from Debian packages when the pinned one cannot be had.

    Attributes:
        tag: the name it gets here.
        include: Debian packages.
        entrypoint: the program, or None for a base image.
        hooks: commands of mmdebstrap, run with the root folder as `$1`.
        trusts_host: whether the image gets this machine's certificates (needed to build further
            images in it).
        lacks: what upstream's image has and this one has not, for the person who uses it.
    """

    tag: str
    include: tuple[str, ...]
    entrypoint: str | None = None
    hooks: tuple[str, ...] = ()
    trusts_host: bool = False
    lacks: str = ""

    @property
    def recipe(self) -> str:
        """A digest of everything that the image is made of, to know an image of an older recipe."""
        made_of = (self.include, self.entrypoint, self.hooks, self.trusts_host)
        return hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]


SUBSTITUTES: Mapping[str, Substitute] = {
    "PROMETHEUS_IMAGE": Substitute(
        f"dreamos-local/prometheus:{SUITE}",
        ("prometheus",),
        "/usr/bin/prometheus",
        lacks="Prometheus' web pages: links to its graphs and alerts show nothing",
    ),
    "ALERTMANAGER_IMAGE": Substitute(
        f"dreamos-local/alertmanager:{SUITE}",
        # Without certificates no receiver on the internet can be reached.
        ("prometheus-alertmanager", "ca-certificates"),
        "/usr/bin/alertmanager",
        ('ln -sf prometheus-alertmanager "$1/usr/bin/alertmanager"',),
        lacks="Alertmanager's web pages: links to silences show nothing, `amtool` makes them",
    ),
    "PYTHON_IMAGE": Substitute(
        f"dreamos-local/python:{SUITE}",
        ("python3", "python3-venv", "ca-certificates"),
        trusts_host=True,
    ),
}


def is_current(substitute: Substitute) -> bool:
    """Tell whether the image that is here was built after today's recipe."""
    shape = f'{{{{index .Config.Labels "{RECIPE_LABEL}"}}}}'
    found = run(["docker", "image", "inspect", "--format", shape, substitute.tag])
    return found.returncode == 0 and found.stdout.strip() == substitute.recipe


def build(substitute: Substitute) -> None:
    """Build an image from Debian packages: mmdebstrap's root folder, piped into `docker import`.

    Raises:
        StackError: where mmdebstrap is missing and may not be installed, or either command fails.
    """
    if shutil.which("mmdebstrap") is None:
        packages.require(
            "mmdebstrap",
            "no image registry can be reached, so the images are built from Debian packages",
            "install mmdebstrap, or load the images with `docker load`",
        )
        packages.install("mmdebstrap", "debian-archive-keyring")
    with step(f"Building {substitute.tag} from Debian {SUITE} (about a minute)"):
        _bootstrap(substitute)


def _bootstrap(substitute: Substitute) -> None:
    changes = [f"--change=LABEL {RECIPE_LABEL}={substitute.recipe}"]
    hooks = [f"--customize-hook={hook}" for hook in substitute.hooks]
    if substitute.entrypoint:
        changes += ["--change", f'ENTRYPOINT ["{substitute.entrypoint}"]']
    if substitute.trusts_host and CA_BUNDLE.exists():
        hooks.append(f"--customize-hook=upload {CA_BUNDLE} {CA_BUNDLE}")
        changes += [f"--change=ENV {name}={CA_BUNDLE}" for name in CA_VARIABLES]
    make = [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        f"--include={','.join(substitute.include)}",
        *hooks,
        SUITE,
        "-",
        f"deb {packages.debian_mirror()} {SUITE} main",
    ]
    with tempfile.TemporaryFile() as log:
        _pipe(make, ["docker", "import", *changes, "-", substitute.tag], log, substitute.tag)


def _pipe(make: list[str], take: list[str], log: IO[bytes], tag: str) -> None:
    bootstrap = subprocess.Popen(
        make,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    with bootstrap:
        try:
            imported = subprocess.run(
                take,
                stdin=bootstrap.stdout,
                capture_output=True,
                start_new_session=True,
                check=False,
            )
        except BaseException:
            bootstrap.terminate()
            bootstrap.wait(timeout=30)
            raise
    if bootstrap.returncode:
        run(["docker", "image", "rm", tag])
        log.seek(0)
        text = log.read().decode(errors="replace")
        raise StackError(f"mmdebstrap could not build {tag}:\n{last_lines(text)}")
    if imported.returncode:
        raise StackError(f"docker import failed:\n{last_lines(imported.stderr.decode())}")
