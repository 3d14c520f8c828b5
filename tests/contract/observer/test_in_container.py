"""Inside a container the figures are still the host's, and the container's own limits are told apart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.observer.catalogue import section
from tests.contract.observer.comparison import (
    View,
    agree_in_some_round,
    different_label_sets,
    disagreements,
    view,
)
from tests.contract.observer.exporter import NodeExporter
from tools.waiting import eventually

ROOT = Path(__file__).parents[3]
IMAGE = f"dreamos-test/empty:{os.getpid()}"
# Answers every line on its input with all samples as one line of JSON
PROGRAM = """
import json, sys
from services.metrics.observer.container import ContainerCollector
from services.metrics.observer.host import HostCollector, Source
source = Source("/host/proc", "/host/sys", "/host/mounts", "/host/mounts/mounts.json")
collectors = HostCollector(source), ContainerCollector()
for _ in sys.stdin:
    families = [family for collector in collectors for family in collector.collect()]
    samples = [(f.type, s.name, s.labels, s.value) for f in families for s in f.samples]
    print(json.dumps(samples), flush=True)
"""


class Contained:
    """The collector in a container: 256 MiB, half a CPU, 100 processes, an ordinary user, nothing writable."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def collect(self) -> View:
        """Let it collect once, and return what it saw."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the container ended"
        seen = View()
        for kind, name, labels, found in json.loads(line):
            key = frozenset((k, v) for k, v in labels.items() if v != "")
            seen.values[(name, key)], seen.types[name] = found, kind
        return seen


def _docker_works() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the mount reader writes: in a container of its own that sees ``/`` and has no network."""
    if not _docker_works():
        pytest.skip("needs a running Docker engine")
    empty = subprocess.run(
        ["tar", "cf", "-", "--files-from", "/dev/null"], stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["docker", "import", "-", IMAGE], input=empty.stdout, check=True)
    folder = tmp_path_factory.mktemp("mounts")
    folder.chmod(0o777)
    see = ["--volume=/proc:/host/proc:ro", "--volume=/:/host/root:ro"]
    see += [f"--volume={folder}:/host/mounts", "--network=none", "--user=65533:65533"]
    program = ["-Bm", "services.metrics.observer.mount_reader", "--out", "/host/mounts"]
    process = _run(see, [*program, "--interval", "0.1"])
    try:
        eventually((folder / "mounts.json").exists, within=120, hopeless=process.poll)
        yield folder
    finally:
        process.terminate()
        process.communicate(timeout=60)
        subprocess.run(["docker", "rmi", IMAGE], capture_output=True, check=False)


@pytest.fixture(scope="module")
def contained(mounts: Path) -> Iterator[Contained]:
    limits = ["--memory=256m", "--cpus=0.5", "--pids-limit=100", "--network=bridge"]
    see = ["--volume=/proc:/host/proc:ro", "--volume=/sys:/host/sys:ro"]
    see += [f"--volume={mounts}:/host/mounts:ro", "--user=65534:65534"]
    process = _run([*limits, *see], ["-Bc", PROGRAM])
    try:
        yield Contained(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def _run(options: list[str], program: list[str]) -> subprocess.Popen[str]:
    # The image holds nothing: Python comes from this machine, at the same paths
    shown = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache", sys.base_prefix, sys.prefix, str(ROOT)}
    here = [f"--volume={path}:{path}:ro" for path in sorted(shown) if Path(path).exists()]
    command = ["docker", "run", "--rm", "--interactive", "--read-only", f"--workdir={ROOT}"]
    return subprocess.Popen(
        [*command, *options, *here, IMAGE, sys.executable, *program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _theirs(exporter: NodeExporter) -> View:
    return view(text_string_to_metric_families(exporter.scrape()))


def test_the_hosts_figures_agree_with_node_exporter_outside(
    contained: Contained, node_exporter: NodeExporter
) -> None:
    contained.collect()

    def compare() -> set[str]:
        before, between = contained.collect(), _theirs(node_exporter)
        after = contained.collect()
        return disagreements(before, between, after) | different_label_sets(after, between)

    agree_in_some_round(compare)


def test_the_network_counters_are_those_of_the_host(
    contained: Contained, node_exporter: NodeExporter
) -> None:
    name = "node_network_receive_bytes_total"
    ours, theirs = contained.collect().labels(name), _theirs(node_exporter).labels(name)
    assert frozenset({("device", "lo")}) in ours
    assert theirs & ours
    # a container of its own sees lo and one eth0; the host has the bridge that it hangs on as well
    assert any(dict(labels)["device"].startswith(("docker", "br-", "veth")) for labels in ours)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dreamos_container_memory_limit_bytes", 256 * 1024 * 1024),
        ("dreamos_container_cpu_limit_cores", 0.5),
        ("dreamos_container_pids_limit", 100),
    ],
)
def test_the_containers_own_limits_are_told(
    contained: Contained, name: str, expected: float
) -> None:
    assert expected == contained.collect().values[(name, frozenset())]


def test_every_figure_of_the_container_in_the_catalogue_is_seen(contained: Contained) -> None:
    listed = {name for name in section("Host") if name.startswith("dreamos_container_")}
    assert 11 == len(listed)
    assert set() == listed - contained.collect().names


def test_the_containers_own_memory_and_cpu_are_told(contained: Contained) -> None:
    seen = contained.collect().values
    used = seen[("dreamos_container_memory_usage_bytes", frozenset())]
    assert 1_000_000 < used < 256 * 1024 * 1024
    assert seen[("dreamos_container_cpu_seconds_total", frozenset())] > 0.01
