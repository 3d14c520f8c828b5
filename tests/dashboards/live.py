"""A real Prometheus, whose parser reads every query of rules and dashboards."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.alerting.live import free_port
from tests.rules.tooling import Tool
from tools.waiting import eventually


@dataclass
class Prometheus:
    """A running Prometheus and its HTTP API."""

    url: str

    def get(self, path: str, **form: str) -> Any:
        """Ask the API; fail with Prometheus' own words when it refuses."""
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with urllib.request.urlopen(f"{self.url}{path}", data, timeout=60) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def parse(self, query: str) -> Any:
        """Return the syntax tree of a query."""
        return self.get("/api/v1/parse_query", query=query)

    def run(self, query: str) -> Any:
        """Evaluate a query now."""
        return self.get("/api/v1/query", query=query)["result"]

    def own_metrics(self) -> set[str]:
        """Return the names of what Prometheus exports of itself."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as answer:
            return names_in(answer.read().decode())


RULE = {"record": "one:rule", "expr": "vector(1)"}


def _everything_once(port: int) -> dict[str, Any]:
    """Return a configuration of one of everything: what is not there Prometheus does not count."""
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["/configuration/rules.yml"],
        # An Alertmanager that nobody runs.
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]},
        "scrape_configs": [
            {
                "job_name": "prometheus",
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                "file_sd_configs": [{"files": ["/configuration/targets.json"]}],
            }
        ],
    }


@contextmanager
def prometheus(tool: Tool, folder: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that reads only itself on a free port of this machine."""
    port = free_port()
    (folder / "prometheus.yml").write_text(json.dumps(_everything_once(port)))
    (folder / "targets.json").write_text("[]")
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "one", "rules": [RULE]}]}))
    command = ["docker", "run", "--rm", "--detach", "--network=host", "--entrypoint=prometheus"]
    flags = [
        "--config.file=/configuration/prometheus.yml",
        "--storage.tsdb.path=/tmp/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    started = subprocess.run(
        [*command, f"--volume={folder}:/configuration:ro", tool.image, *flags],
        capture_output=True,
        text=True,
        check=True,
    )
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: running.get("/api/v1/status/runtimeinfo"))
        yield running
    finally:
        subprocess.run(["docker", "kill", started.stdout.strip()], capture_output=True, check=False)


def names_in(exposition: str) -> set[str]:
    """Return the names of the samples in an exposition in the text format."""
    lines = (line for line in exposition.splitlines() if line and not line.startswith("#"))
    return {line.split("{")[0].split(" ")[0] for line in lines}


def selected(tree: Any) -> set[str]:
    """Return the names of the metrics that a syntax tree reads."""
    if isinstance(tree, list):
        return {name for item in tree for name in selected(item)}
    if not isinstance(tree, dict):
        return set()
    found = {name for item in tree.values() for name in selected(item)}
    return found | ({tree["name"]} if tree.get("type", "").endswith("Selector") else set())
