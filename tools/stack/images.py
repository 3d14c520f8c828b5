"""Which image each part runs from: upstream's where a registry can be reached, Debian's packages where not.

docker-compose.yml holds the pins; the variables PROMETHEUS_IMAGE, ALERTMANAGER_IMAGE, GRAFANA_IMAGE and
PYTHON_IMAGE replace them. An image that is on this machine under the configured name is always preferred.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import packages
from .console import StackError, last_lines, run, say, step, watch

SUITE = "testing"
SERVICE_IMAGE = "dreamos/metrics"
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
        trusts_host: whether the image gets this machine's certificates (needed to build further images in it).
    """

    tag: str
    include: tuple[str, ...]
    entrypoint: str | None = None
    hooks: tuple[str, ...] = ()
    trusts_host: bool = False


SUBSTITUTES: Mapping[str, Substitute] = {
    "PROMETHEUS_IMAGE": Substitute(
        f"dreamos-local/prometheus:{SUITE}", ("prometheus",), "/usr/bin/prometheus"
    ),
    "ALERTMANAGER_IMAGE": Substitute(
        f"dreamos-local/alertmanager:{SUITE}",
        ("prometheus-alertmanager",),
        "/usr/bin/alertmanager",
        ('ln -sf prometheus-alertmanager "$1/usr/bin/alertmanager"',),
    ),
    "PYTHON_IMAGE": Substitute(
        f"dreamos-local/python:{SUITE}",
        ("python3", "python3-venv", "ca-certificates"),
        trusts_host=True,
    ),
}


@dataclass(frozen=True)
class Images:
    """The image of each part that will run; `grafana` is None where there is none to be had."""

    prometheus: str
    alertmanager: str
    python: str
    grafana: str | None
    notes: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return the variables that make docker-compose.yml use these images."""
        chosen = {
            "PROMETHEUS_IMAGE": self.prometheus,
            "ALERTMANAGER_IMAGE": self.alertmanager,
            "PYTHON_IMAGE": self.python,
            "GRAFANA_ENABLED": "1" if self.grafana else "0",
        }
        return {**chosen, "GRAFANA_IMAGE": self.grafana} if self.grafana else chosen


def resolve(configured: Mapping[str, str]) -> Images:
    """Find, pull or build every image.

    Args:
        configured: image names by variable, as docker-compose.yml and .env give them.

    Returns:
        What will run. A second call finds everything present and takes no time.

    Raises:
        StackError: when an image other than Grafana's can neither be pulled nor built.
    """
    registry = _Registry()
    chosen = {name: _one(name, configured[name], registry) for name in SUBSTITUTES}
    notes = _stand_ins(configured, chosen)
    grafana: str | None = configured["GRAFANA_IMAGE"]
    if grafana and not (present(grafana) or registry.pull(grafana)):
        notes.append(
            f"Grafana is missing: no image {grafana} on this machine, and it could not be pulled. Everything else "
            f"runs. On a machine with internet: `docker save {grafana} -o grafana.tar`; here: "
            "`docker load -i grafana.tar && make up`. Or name another image with GRAFANA_IMAGE in .env."
        )
        grafana = None
    return Images(
        chosen["PROMETHEUS_IMAGE"],
        chosen["ALERTMANAGER_IMAGE"],
        chosen["PYTHON_IMAGE"],
        grafana,
        tuple(notes),
    )


def present(image: str) -> bool:
    """Tell whether the engine holds the image."""
    return _identity(image) != ""


def _identity(image: str) -> str:
    result = run(["docker", "image", "inspect", "--format", "{{.Id}}", image])
    return result.stdout.strip() if result.returncode == 0 else ""


def _one(name: str, image: str, registry: _Registry) -> str:
    substitute = SUBSTITUTES[name]
    if present(image):
        return image
    if present(substitute.tag):
        return substitute.tag
    if registry.pull(image):
        return image
    build_substitute(substitute)
    return substitute.tag


def _stand_ins(configured: Mapping[str, str], chosen: Mapping[str, str]) -> list[str]:
    replaced = [image for name, image in chosen.items() if image != configured[name]]
    if not replaced:
        return []
    wanted = " ".join(configured[name] for name in chosen if chosen[name] != configured[name])
    return [
        f"built from Debian packages, because the pinned images could not be pulled: {', '.join(replaced)}. "
        f"To change over where a registry can be reached: `for i in {wanted}; do docker pull $i; done; make up`."
    ]


class _Registry:
    """Pulls images, and asks a registry that could not be reached only once."""

    def __init__(self) -> None:
        self._unreachable: dict[str, str] = {}

    def pull(self, image: str) -> bool:
        host = registry_of(image)
        if host in self._unreachable:
            return False
        with step(f"Pulling {image}"):
            code, output = watch(["docker", "pull", image], silence=60, show=_layer_done)
        if code == 0:
            return True
        reason = (output.strip().splitlines() or ["it fell silent"])[-1]
        if _says_unreachable(code, reason):
            self._unreachable[host] = reason
            say(f"    The registry of {image} cannot be reached: {reason[:200]}")
            return False
        raise StackError(f"{image} cannot be pulled: {reason}")


def registry_of(image: str) -> str:
    """Return the registry part of an image name; empty for the engine's default registry."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def _says_unreachable(code: int, reason: str) -> bool:
    # Read from the engine's own message: it has one exit code for every failure.
    signs = (
        "no such host",
        "dial tcp",
        "timeout",
        "TLS",
        "refused",
        "network",
        "proxyconnect",
        "EOF",
    )
    return code == 124 or any(sign.lower() in reason.lower() for sign in signs)


def _layer_done(line: str) -> bool:
    return line.startswith(("Digest:", "Status:")) or line.endswith("Pull complete")


def build_substitute(substitute: Substitute) -> None:
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
    changes = []
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
        bootstrap = subprocess.Popen(
            make,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            imported = subprocess.run(
                ["docker", "import", *changes, "-", substitute.tag],
                stdin=bootstrap.stdout,
                capture_output=True,
                start_new_session=True,
                check=False,
            )
        except BaseException:
            bootstrap.terminate()
            bootstrap.wait(timeout=30)
            raise
        if bootstrap.wait() or imported.returncode:
            if not bootstrap.returncode:
                raise StackError(f"docker import failed:\n{last_lines(imported.stderr.decode())}")
            run(["docker", "image", "rm", substitute.tag])
            log.seek(0)
            text = log.read().decode(errors="replace")
            raise StackError(f"mmdebstrap could not build {substitute.tag}:\n{last_lines(text)}")


def build_service(root: Path, images: Images, tag: str) -> str:
    """Build the service's own image from the Dockerfile; layers that did not change are kept.

    Args:
        root: the checkout.
        images: gives the Python base.
        tag: the image's name.

    Returns:
        The image that had the name before and has none now, for `remove`; empty when it is the same.

    Raises:
        StackError: with the build's last lines.
    """
    before = _identity(tag)
    command = ["docker", "build", "--quiet", "--build-arg", f"PYTHON_IMAGE={images.python}"]
    with step("Building the service's image"):
        env = {**os.environ, "DOCKER_BUILDKIT": "1" if _has_buildx() else "0"}
        code, output = watch(
            [*command, "-t", tag, str(root)], env=env, silence=1200, show=_is_error
        )
    if code:
        raise StackError(f"the image of the service does not build:\n{last_lines(output, 30)}")
    return before if before != _identity(tag) else ""


def remove(image: str) -> None:
    """Remove an image that was replaced; one that a container still uses stays."""
    if image:
        run(["docker", "image", "rm", image])


def _has_buildx() -> bool:
    return run(["docker", "buildx", "version"]).returncode == 0


def _is_error(line: str) -> bool:
    return "ERROR" in line
