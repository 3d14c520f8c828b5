"""A real Prometheus in a container, judging rules of this project on figures that a test gives it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any

import yaml

from tests.alerting.live import free_port
from tests.rules.tooling import Tool
from tools.waiting import eventually

GRACE = "--rules.alert.for-grace-period=0s"
"""As docker-compose.yml has it."""


@dataclass
class Figures:
    """What the target of a test shows, and the alerts that Prometheus handed over."""

    text: str = ""
    port: int = 0
    handed: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def figures() -> Iterator[Figures]:
    """Serve figures to scrape at /metrics, and take alerts as an Alertmanager does."""
    shown = Figures()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(shown.text.encode(), "text/plain; version=0.0.4")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            shown.handed += json.loads(body)
            self.answer(b"{}", "application/json")

        def answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    shown.port = server.server_address[1]
    try:
        yield shown
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Prometheus:
    """A running Prometheus."""

    url: str
    container: str

    def api(self, path: str) -> Any:
        """Ask the API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now."""
        rows: list[dict[str, Any]] = self.api(
            "query?" + urllib.parse.urlencode({"query": expression})
        )["result"]
        return rows

    def firing(self, name: str) -> list[dict[str, Any]]:
        """Return the alerts of this name that fire."""
        return [
            alert
            for alert in self.api("alerts")["alerts"]
            if (alert["labels"]["alertname"], alert["state"]) == (name, "firing")
        ]

    def docker(self, *words: str) -> None:
        """Do something to the container."""
        subprocess.run(["docker", *words], check=True, capture_output=True, timeout=120)

    def wait(self) -> None:
        """Wait until it answers."""
        eventually(lambda: self.api("status/runtimeinfo"), within=120)


@contextmanager
def prometheus(
    tool: Tool,
    folder: Path,
    target: Figures,
    rules: Mapping[str, str],
    *flags: str,
    storage: str = "mode=1777",
    targets: Sequence[dict[str, Any]] = (),
    mounts: Mapping[Path, str] = MappingProxyType({}),
) -> Iterator[Prometheus]:
    """Run Prometheus, which scrapes `target`, itself and `targets` and judges `rules` each second.

    Its data is in memory, with `storage` as the mount's options, or `kept` over a restart.
    """
    port = free_port()
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for name, text in rules.items():
        (folder / "rules" / name).write_text(text)
    here = f"127.0.0.1:{target.port}"
    scrapes = [
        {"job_name": "test", "honor_labels": True, "static_configs": [{"targets": [here]}]},
        {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]},
        *targets,
    ]
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["/test/rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [here]}]}]},
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    # A folder for what has to outlive a restart, which memory does not.
    mount = ["--tmpfs", f"/prometheus:{storage}"]
    more = [f"--volume={source}:{inside}:ro" for source, inside in mounts.items()]
    if storage == "kept":
        (folder / "data").mkdir()
        mount = ["--volume", f"{folder / 'data'}:/prometheus"]
    started = subprocess.run(
        [
            *("docker", "run", "--detach", "--network=host", "--entrypoint=prometheus"),
            *(f"--user={os.getuid()}:{os.getgid()}", f"--volume={folder}:/test:ro", *more),
            *mount,
            *(tool.image, "--config.file=/test/prometheus.yml", "--storage.tsdb.path=/prometheus"),
            *(f"--web.listen-address=127.0.0.1:{port}", *flags),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    running = Prometheus(f"http://127.0.0.1:{port}", started.stdout.strip())
    try:
        running.wait()
        yield running
    finally:
        subprocess.run(
            ["docker", "rm", "--force", running.container], capture_output=True, check=False
        )
        shutil.rmtree(folder / "data", ignore_errors=True)
