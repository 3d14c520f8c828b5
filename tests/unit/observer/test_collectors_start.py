from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from services.metrics.health import Component, Health
from services.metrics.observer.stability import Stability
from services.metrics.observer.supervisor import Collectors, start_all
from services.metrics.settings import BadSetting, Settings
from tests.unit.observer.reading import value
from tests.unit.observer.workspaces import from_samples
from tools.waiting import eventually


class Shelf:
    """A sink that can be waited for."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, name: str, families: Iterable[Metric]) -> None:
        list(families)
        with self._changed:
            self.names.add(name)
            self._changed.notify_all()

    def wait_for(self, *names: str) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: set(names) <= self.names, timeout=60)


def settings(folder: Path, **rest: object) -> Settings:
    return Settings(data_dir=folder, collect_interval=0.05, **rest)  # type: ignore[arg-type]


def asked(collectors: Collectors, name: str) -> Component:
    found = collectors.components()[name]()
    assert found is not None
    return found


def health(collectors: object) -> Health:
    found = Health()
    for name, check in collectors.components().items():  # type: ignore[attr-defined]
        found.register(name, check)
    return found


def test_everything_that_is_asked_for_collects_and_stops(tmp_path: Path) -> None:
    from_samples(tmp_path / "workspace")
    probes = tmp_path / "probes.yml"
    probes.write_text(f"probes: [{{name: here, kind: file, target: {tmp_path}}}]")
    shelf = Shelf()
    collectors = start_all(
        shelf,
        settings(
            tmp_path,
            workspace=tmp_path / "workspace",
            probes_file=probes,
            process_pattern="(?P<agent>pytest)",
        ),
    )
    everything = ("host", "workspace", "dependencies", "processes", "stability", "collectors")
    assert shelf.wait_for(*everything)
    status, components = health(collectors).report()
    assert {"host", "collectors", "stability", "workspace", "dependencies"} == set(components)
    assert "unhealthy" != status
    assert 40 == components["workspace"].data["agents"]
    collectors.stop()
    left = [t for t in threading.enumerate() if t.name.startswith(("collector-", "probe-"))]
    assert [] == left


def test_nothing_is_collected_that_nobody_asked_for(tmp_path: Path) -> None:
    shelf = Shelf()
    collectors = start_all(shelf, settings(tmp_path, collect_host=False))
    itself = {"stability", "collectors", *({"container"} if sys.platform == "linux" else ())}
    assert shelf.wait_for(*itself)
    collectors.stop()
    assert itself == shelf.names


@pytest.mark.parametrize(("critical", "status"), [("true", "unhealthy"), ("false", "degraded")])
def test_a_dependency_that_is_down_shows_in_health(
    tmp_path: Path, critical: str, status: str
) -> None:
    probes = tmp_path / "probes.yml"
    entry = f"{{name: gone, kind: file, target: {tmp_path}/gone, critical: {critical}}}"
    probes.write_text(f"probes: [{entry}]")
    collectors = start_all(Shelf(), settings(tmp_path, collect_host=False, probes_file=probes))
    eventually(
        lambda: (
            asked(collectors, "dependencies").data["dependencies"]["gone"]["status"] != "unknown"
        ),
        every=0.01,
    )
    found = asked(collectors, "dependencies")
    collectors.stop()
    assert (status, "down: gone") == (found.status, found.detail)
    assert "the file is not there" == found.data["dependencies"]["gone"]["detail"]


def test_a_wrong_probes_file_degrades_and_does_not_stop_the_service(tmp_path: Path) -> None:
    collectors = start_all(
        Shelf(), settings(tmp_path, collect_host=False, probes_file=tmp_path / "gone.yml")
    )
    found = asked(collectors, "dependencies")
    collectors.stop()
    assert "degraded" == found.status
    assert "cannot be read" in found.detail


@pytest.mark.skipif(sys.platform != "linux", reason="reads the Linux kernel's files")
@pytest.mark.parametrize(("proc", "status"), [("/proc", "healthy"), ("/no/such", "degraded")])
def test_a_proc_that_is_not_mounted_shows_in_health(tmp_path: Path, proc: str, status: str) -> None:
    shelf = Shelf()
    collectors = start_all(shelf, settings(tmp_path, host_proc=Path(proc)))
    assert shelf.wait_for("host")
    found = asked(collectors, "host")
    collectors.stop()
    assert status == found.status
    assert ("memory_usage_ratio" in found.data) is (status == "healthy")


def test_a_workspace_that_is_not_there_degrades(tmp_path: Path) -> None:
    shelf = Shelf()
    collectors = start_all(
        shelf, settings(tmp_path, collect_host=False, workspace=tmp_path / "gone")
    )
    assert shelf.wait_for("workspace")
    found = asked(collectors, "workspace")
    collectors.stop()
    assert "degraded" == found.status


def test_starts_are_counted_over_restarts_and_unclean_ends_told_apart(tmp_path: Path) -> None:
    Stability(tmp_path).stop()
    Stability(tmp_path)  # ends as by kill -9
    last = Stability(tmp_path)
    assert (3, 1) == (last.starts, last.unclean)
    assert 3 == value(last.collect(), "dreamos_service_starts_total")
    assert last.restless()


@pytest.mark.parametrize(
    "content",
    ['{"starts": "many"}', '{"starts": 1e999}', "[" * 100_000, '{"starts": -5}', ""],
    ids=["word", "infinite", "deep", "negative", "empty"],
)
def test_a_damaged_record_of_starts_is_no_obstacle(tmp_path: Path, content: str) -> None:
    (tmp_path / "starts.json").write_text(content)
    assert 1 == Stability(tmp_path).starts


def test_the_record_of_starts_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "starts.json").write_text("{}")
    (tmp_path / "starts.json").chmod(0o644)
    Stability(tmp_path)
    assert 0o600 == (tmp_path / "starts.json").stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("name", "value_", "said"),
    [
        ("METRICS_COLLECT_HOST", "maybe", "METRICS_COLLECT_HOST=maybe is neither 1 nor 0"),
        ("METRICS_WORKSPACE_AGENT_PATTERN", "Agent-(", "is no regular expression"),
        ("METRICS_PROCESS_PATTERN", "agent.py", "needs a group named agent; example: agent.py"),
        ("METRICS_WORKSPACE_TIMEZONE", "Mars/Olympus", "is not known here; example: Europe"),
        ("METRICS_COLLECT_INTERVAL", "0", "METRICS_COLLECT_INTERVAL=0.0 must be a number above 0"),
    ],
)
def test_a_wrong_setting_is_named_with_a_right_one(name: str, value_: str, said: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.from_env({name: value_})
    assert said in str(caught.value)


def test_the_environment_chooses_what_is_watched() -> None:
    found = Settings.from_env(
        {"METRICS_COLLECT_HOST": "0", "METRICS_HOST_PROC": "/host/proc", "METRICS_WORKSPACE": "/w"}
    )
    assert (False, Path("/host/proc"), Path("/w")) == (
        found.collect_host, found.host_proc, found.workspace,
    )  # fmt: skip
