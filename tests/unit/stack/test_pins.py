"""Pins by tag and digest: compared with what a registry has, and bumped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.stack.registry import LocalRegistry, registry
from tools.stack import pins
from tools.stack.console import StackError
from tools.stack.registry import Registry

WRONG = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def running() -> Iterator[LocalRegistry]:
    with registry() as found:
        yield found


def compose_file(folder: Path, *pinned: str) -> Path:
    names = ("PROMETHEUS_IMAGE", "GRAFANA_IMAGE")
    lines = (f"  image: ${{{name}:-{image}}}\n" for name, image in zip(names, pinned, strict=False))
    path = folder / "docker-compose.yml"
    path.write_text("# ours\n" + "".join(lines))
    return path


def test_a_digest_that_the_registry_does_not_have_offers_the_tag(running: LocalRegistry) -> None:
    image = f"{running.host}/prom/prometheus:v3.13.4"

    with pytest.raises(StackError) as refusal:
        Registry().pull("PROMETHEUS_IMAGE", f"{image}@{WRONG}")

    for said in (
        f"{image} is not in the registry with the digest that is pinned",
        "Nothing was changed",
        f"PROMETHEUS_IMAGE={image}",
        "DIGESTS=0 make up",
        "make pins",
    ):
        assert said in str(refusal.value)


def test_a_registry_that_is_not_there_is_no_wrong_digest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = f"localhost:1/prom/prometheus:v3@{WRONG}"

    assert Registry().pull("PROMETHEUS_IMAGE", image) is None
    assert "cannot be reached" in capsys.readouterr().out


def test_bump_writes_the_digest_of_the_same_tag(running: LocalRegistry, tmp_path: Path) -> None:
    image = f"{running.host}/prom/prometheus:v3.13.4"
    path = compose_file(tmp_path, f"{image}@{WRONG}")

    pins.bump(path, {})

    assert f"# ours\n  image: ${{PROMETHEUS_IMAGE:-{image}@{running.digest}}}\n" == path.read_text()


def test_bump_takes_a_new_tag_and_leaves_the_others(running: LocalRegistry, tmp_path: Path) -> None:
    one, two = (f"{running.host}/{name}:1.0.0@{running.digest}" for name in ("p", "g"))
    path = compose_file(tmp_path, one, two)

    pins.bump(path, {"GRAFANA_IMAGE": "1.2.3"})

    assert {
        "PROMETHEUS_IMAGE": one,
        "GRAFANA_IMAGE": f"{running.host}/g:1.2.3@{running.digest}",
    } == pins.read(path)


def test_bump_changes_nothing_when_a_registry_does_not_answer(
    running: LocalRegistry, tmp_path: Path
) -> None:
    path = compose_file(tmp_path, f"{running.host}/p:1@{WRONG}", f"localhost:1/g:1@{WRONG}")
    before = path.read_text()

    with pytest.raises(StackError, match="gave no digest"):
        pins.bump(path, {})

    assert before == path.read_text()


def test_bump_of_an_unknown_pin_names_the_known_ones(tmp_path: Path) -> None:
    path = compose_file(tmp_path, f"p:1@{WRONG}")

    with pytest.raises(StackError, match="LOKI_IMAGE pins nothing; one of PROMETHEUS_IMAGE"):
        pins.bump(path, {"LOKI_IMAGE": "1"})
