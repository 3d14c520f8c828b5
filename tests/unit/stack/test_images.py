"""Pins, registries and the stand-ins."""

from __future__ import annotations

import re

import pytest
import yaml

from tools.render import variables
from tools.stack import images
from tools.stack.compose import ROOT

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
    assert registry == images.registry_of(image)


def test_every_image_is_pinned_to_a_version_and_replaceable_by_its_variable() -> None:
    pins = re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", COMPOSE)
    versions = {name: image for name, image in pins if name != "METRICS_IMAGE"}

    assert set(images.SUBSTITUTES) | {"GRAFANA_IMAGE"} == set(versions)
    for image in versions.values():
        assert re.search(r":v?\d+\.\d+\.\d+", image), f"{image} is not pinned"


def test_every_variable_of_the_compose_file_is_documented_with_the_same_default() -> None:
    internal = {"STACK_UID", "STACK_GID", "METRICS_IMAGE"}
    for name, default in re.findall(r"\$\{(\w+):-([^${}]*)\}", COMPOSE):
        if name in internal or name.endswith("_IMAGE"):
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
