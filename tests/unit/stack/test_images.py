"""Pins, registries and the stand-ins."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tools.render import variables
from tools.stack import images, pins
from tools.stack.compose import ROOT
from tools.stack.registry import registry_of, without_digest

COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("prom/prometheus:v3.13.2", ""),
        ("python:3.14", ""),
        ("ghcr.io/google/cadvisor:0.60.5", "ghcr.io"),
        ("localhost:5000/x", "localhost:5000"),
    ],
)
def test_the_registry_is_read_out_of_an_image_name(image: str, registry: str) -> None:
    assert registry == registry_of(image)


def test_every_image_is_pinned_to_a_version_and_a_digest_and_replaceable_by_its_variable() -> None:
    named = set(re.findall(r"\$\{(\w+_IMAGE):-", COMPOSE)) - {"METRICS_IMAGE"}
    pinned = pins.read(ROOT / "docker-compose.yml")

    assert set(images.SUBSTITUTES) | {"GRAFANA_IMAGE"} == named == set(pinned)
    for image in pinned.values():
        assert re.search(r":v?\d+\.\d+\.\d+(-[a-z-]+)?@sha256:[0-9a-f]{64}$", image), image


def test_no_other_file_pins_an_image() -> None:
    others = [ROOT / name for name in (".env.example", "Dockerfile", "Makefile")]
    others += [*(ROOT / "tools/stack").rglob("*.py"), *(ROOT / "tools/render").rglob("*.py")]
    for image in pins.read(ROOT / "docker-compose.yml").values():
        assert [] == [path for path in others if without_digest(image) in path.read_text()]


def test_what_is_pinned_has_no_known_fault() -> None:
    assert [] == images.faults(list(pins.read(ROOT / "docker-compose.yml").values()))


@pytest.mark.parametrize(
    "image",
    [
        "prom/prometheus:v3.13.2",
        "example.org/prom/alertmanager:v0.34.0@sha256:" + "0" * 64,
        "grafana/grafana:12.4.0",
        "grafana/grafana:12.4.10",
        "grafana/grafana:13.2.1",
    ],
)
def test_a_version_with_a_known_fault_is_named_with_the_fault(image: str) -> None:
    [note] = images.faults([image])

    assert note.startswith(without_digest(image))


@pytest.mark.parametrize("image", ["prom/prometheus:v3.13.20", "grafana/grafana:12.4.12"])
def test_a_version_that_only_looks_alike_is_not(image: str) -> None:
    assert [] == images.faults([image])


def test_every_variable_of_the_compose_file_is_documented_with_the_same_default() -> None:
    internal = {"STACK_UID", "STACK_GID", "METRICS_IMAGE", "GRAFANA_ENV_FILE", "ALERT_CA_DIGEST"}
    internal |= {"GRAFANA_BELOW_PATH", "TZ"}
    for name, default in re.findall(r"\$\{(\w+):-([^${}]*)\}", COMPOSE):
        if name in internal or name.endswith(("_IMAGE", "_PATH")) or name.startswith("GF_"):
            continue
        assert name in variables.BY_NAME, f"{name} is not in .env.example"
        # Where an unset path is mounted, something harmless has to stand.
        stands_in = default.startswith("./deploy/metrics/none")
        assert ("" if stands_in else default) == variables.BY_NAME[name].default, name


def test_every_service_is_hardened() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert ["ALL"] == service["cap_drop"], name
        assert ["no-new-privileges:true"] == service["security_opt"], name
        assert "mem_limit" in service, name
        assert "pids_limit" in service, name
        assert "container_name" not in service, name
        assert "max-size" in service["logging"]["options"], name
        assert "privileged" not in service, name
        assert not [mount for mount in service.get("volumes", ()) if "docker.sock" in mount], name


def test_only_the_one_shot_that_hands_over_volumes_runs_as_root() -> None:
    services = yaml.safe_load(COMPOSE)["services"]

    assert ["volumes"] == [n for n, service in services.items() if service["user"].startswith("0")]


def test_no_part_gets_a_proxy_from_the_docker_clients_own_settings() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    names = [f"{way}_PROXY" for way in ("HTTP", "HTTPS", "ALL", "NO")]
    for name, service in services.items():
        if service.get("network_mode") != "none":
            for variable in (*names, *(text.lower() for text in names)):
                assert "" == service["environment"][variable], f"{name}: {variable}"


def test_what_is_handed_to_every_later_start_was_accepted_first() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    lasting = [service for service in services.values() if service["restart"] != "no"]

    reads = [service for service in lasting if mounts(service, "generated")]
    assert 3 == len(reads)
    for service in lasting:
        assert [] == mounts(service, "candidate")
    for service in reads:
        assert "publish" in service["depends_on"]


def mounts(service: dict[str, Any], beginning: str) -> list[str]:
    return [str(mount) for mount in service["volumes"] if str(mount).startswith(beginning)]
