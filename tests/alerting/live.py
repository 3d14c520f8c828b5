"""A real Alertmanager in a container, and real servers that its messages arrive at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.alerting.support import Rendering
from tests.rules.tooling import Tool
from tools.waiting import eventually

TELEGRAM_OK = b'{"ok": true, "result": {"message_id": 1, "chat": {"id": 1}}}'


@dataclass
class Alertmanager:
    """A running Alertmanager and its HTTP API."""

    url: str

    def api(self, path: str, body: object = None) -> Any:
        """Ask the API; with a body, post it."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v2/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def exposition(self) -> str:
        """Return what Alertmanager exports of itself."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def fire(self, *alerts: Mapping[str, Any]) -> None:
        """Hand alerts over, as Prometheus does."""
        self.api("alerts", list(alerts))

    def inhibited(self) -> dict[str, bool]:
        """Return by the label `id` whether each alert is muted by another one."""
        return {
            alert["labels"]["id"]: bool(alert["status"]["inhibitedBy"])
            for alert in self.api("alerts")
        }


@contextmanager
def alertmanager(
    tool: Tool, rendering: Rendering, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Alertmanager]:
    """Run Alertmanager with a rendered configuration on a free port of this machine."""
    port = free_port()
    command = ["docker", "run", "--rm", "--detach", "--network=host", "--entrypoint=alertmanager"]
    command += [f"--user={os.getuid()}:{os.getgid()}", "--tmpfs=/alertmanager:mode=1777"]
    command += [f"--volume={src}:{dst}:ro" for src, dst in rendering.mounts().items()]
    command += [f"--env={name}={text}" for name, text in environment.items()]
    flags = [
        "--config.file=/generated/alertmanager/alertmanager.yml",
        "--storage.path=/alertmanager",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.external-url=https://alerts.example.org",
    ]
    started = subprocess.run(
        [*command, tool.image, *flags], capture_output=True, text=True, check=True
    )
    container = started.stdout.strip()
    running = Alertmanager(f"http://127.0.0.1:{port}")
    try:
        # The configured external URL has no path, so the API is at the root.
        eventually(lambda: running.api("status"))
        yield running
    finally:
        subprocess.run(["docker", "kill", container], capture_output=True, check=False)


@dataclass
class Sinks:
    """What arrived: requests by the first part of their path, and messages by email."""

    port: int = 0
    smtp_port: int = 0
    requests: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    headers: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a message; aiosmtpd calls this by its name."""
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the bodies that arrived below `/name`."""
        return self.requests.get(name, [])


@contextmanager
def sinks() -> Iterator[Sinks]:
    """Run an HTTP server and an SMTP server on free ports of this machine."""
    taken = Sinks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = self.path.split("/")[1]
            taken.headers.setdefault(name, []).append(dict(self.headers))
            taken.requests.setdefault(name, []).append(body)
            # Slack wants "ok", PagerDuty 202, Discord 204; each takes no more than it needs.
            answer = {"slack": b"ok", "telegram": TELEGRAM_OK}.get(name, b"{}")
            self.send_response({"pagerduty": 202, "refuse": 404}.get(name, 200))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mail = Controller(taken, hostname="127.0.0.1", port=free_port())
    mail.start()
    taken.port, taken.smtp_port = server.server_address[1], mail.port
    try:
        yield taken
    finally:
        mail.stop()
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
