"""Image of each part: upstream's where a registry can be reached, a stand-in where not.

docker-compose.yml holds the pins (tag and digest); the variables PROMETHEUS_IMAGE, ALERTMANAGER_IMAGE,
GRAFANA_IMAGE and PYTHON_IMAGE replace them. An image that is on this machine is always preferred.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .console import StackError, last_lines, run, say, step, watch
from .provision import standins
from .provision.standins import SUBSTITUTES as SUBSTITUTES
from .registry import Registry, without_digest

SERVICE_IMAGE = "dreamos/metrics"

FAULTY: tuple[tuple[str, str], ...] = (
    (r"prom/prometheus:v3\.13\.[0-2]$", "loses samples; v3.13.3 and later do not"),
    (r"prom/alertmanager:v0\.34\.0$", "tells of inhibited alerts; v0.34.1 does not"),
    (r"grafana/grafana:12\.4\.(\d|10)$", "has known security holes; 12.4.11 and later have not"),
    (r"grafana/grafana:13\.2\.[01]$", "has known faults; 13.2.3 has not"),
)
"""Versions that should not be used, as a pattern, with the reason."""


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
        configured: image names by variable, as docker-compose.yml and .env give them; an empty
            GRAFANA_IMAGE leaves Grafana out.

    Returns:
        What will run. A second call finds everything present and takes no time.

    Raises:
        StackError: when an image other than Grafana's can neither be pulled nor built.
    """
    if os.environ.get("DIGESTS", "1") in {"0", "no", "false"}:
        configured = {name: without_digest(image) for name, image in configured.items()}
    registry = Registry()
    chosen = {name: _one(name, configured[name], registry) for name in SUBSTITUTES}
    notes = _stand_ins(configured, chosen)
    grafana: str | None = None
    if configured["GRAFANA_IMAGE"]:
        wanted = configured["GRAFANA_IMAGE"]
        grafana = _here(wanted) or registry.pull("GRAFANA_IMAGE", wanted)
        if grafana is None:
            notes.append(_no_grafana(without_digest(configured["GRAFANA_IMAGE"])))
    used = [*chosen.values(), *([grafana] if grafana else [])]
    notes += _unverified(configured.values(), used) + faults(used)
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


def faults(images: list[str]) -> list[str]:
    """Return a warning for each image of a version that should not be used."""
    return [
        f"{without_digest(image)} {reason}."
        for image in images
        for pattern, reason in FAULTY
        if re.search(rf"(^|/){pattern}", without_digest(image))
    ]


def _identity(image: str) -> str:
    result = run(["docker", "image", "inspect", "--format", "{{.Id}}", image])
    return result.stdout.strip() if result.returncode == 0 else ""


def _here(image: str) -> str | None:
    """Return the name under which the image is on this machine, else None.

    An image that came by `docker load` has no digest to be found by, so its tag counts.
    """
    return next((name for name in (image, without_digest(image)) if present(name)), None)


def _one(name: str, image: str, registry: Registry) -> str:
    substitute = SUBSTITUTES[name]
    if found := _here(image):
        return found
    if standins.is_current(substitute):
        return substitute.tag
    if pulled := registry.pull(name, image):
        return pulled
    try:
        standins.build(substitute)
    except StackError as error:
        if not present(substitute.tag):
            raise
        say(f"    The older {substitute.tag} is used: {error}")
    return substitute.tag


def _stand_ins(configured: Mapping[str, str], chosen: Mapping[str, str]) -> list[str]:
    replaced = [name for name, image in chosen.items() if image == SUBSTITUTES[name].tag]
    replaced = [name for name in replaced if configured[name] != SUBSTITUTES[name].tag]
    if not replaced:
        return []
    wanted = " ".join(configured[name] for name in replaced)
    lacking = [SUBSTITUTES[name].lacks for name in replaced if SUBSTITUTES[name].lacks]
    missing = f" They lack {'; '.join(lacking)}." if lacking else ""
    return [
        "built from Debian packages, because the pinned images could not be pulled: "
        f"{', '.join(chosen[name] for name in replaced)}.{missing} To change over where a registry "
        f"can be reached: `for i in {wanted}; do docker pull $i; done; make up`."
    ]


def _no_grafana(image: str) -> str:
    return (
        f"Grafana is missing: no image {image} on this machine, and it could not be pulled. "
        "Everything else runs, links to dashboards are left out. On a machine with internet: "
        f"`docker save {image} -o grafana.tar`; here: `docker load -i grafana.tar && make up`. "
        "Or name another image with GRAFANA_IMAGE in .env."
    )


def _unverified(configured: Iterable[str], used: list[str]) -> list[str]:
    pinned = {without_digest(image): image for image in configured if "@" in image}
    loose = [image for image in used if image in pinned]
    if not loose:
        return []
    return [
        f"used by tag, not compared with the pinned digest: {', '.join(loose)} (on this machine "
        "already, for example by `docker load`)."
    ]


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
