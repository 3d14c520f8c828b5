"""A running node_exporter for the tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.contract.observer.exporter import UPSTREAM, NodeExporter, find_binary, free_port, wait


@pytest.fixture(scope="session")
def node_exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeExporter]:
    """A node_exporter that looks at this machine."""
    binary, port = find_binary(tmp_path_factory.mktemp("node_exporter")), free_port()
    process = subprocess.Popen(
        [binary, f"--web.listen-address=127.0.0.1:{port}", *UPSTREAM],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        exporter = NodeExporter(port, process.pid)
        wait(exporter, process)
        yield exporter
        exporter.close()
    finally:
        process.kill()
        process.wait()
