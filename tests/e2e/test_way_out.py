"""Proxies and certificates: none between the parts, both on the way to receivers."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.e2e import certificates
from tests.e2e.conftest import describe, keep_logs
from tests.e2e.sinks import HttpSink, Mailbox, http_sink
from tests.e2e.stack import Stack, free_ports, http
from tools.waiting import eventually

pytestmark = pytest.mark.stack
NOWHERE = "http://127.0.0.1:9"
RECEIVER = "receiver.invalid"


@dataclass
class Proxy:
    """A proxy that people have to go through: it knows one host, whatever its name."""

    asked: list[str] = field(default_factory=list)
    port: int = 0


@contextmanager
def proxy(address: str, target: tuple[str, int]) -> Iterator[Proxy]:
    """Run a proxy on a free port of `address` that connects everybody to `target`."""
    found = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            found.asked.append(self.path)
            with socket.create_connection(target, timeout=30) as other:
                self.send_response(200)
                self.end_headers()
                tunnel(self.connection, other)
            self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def tunnel(one: socket.socket, other: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([one, other], [], [], 60)
        if not ready:
            return
        for end in ready:
            data = end.recv(65536)
            if not data:
                return
            (other if end is one else one).sendall(data)


@dataclass
class Outside:
    """What is on the other side of the company's proxy."""

    proxy: Proxy
    hooks: HttpSink
    mail: Mailbox
    ca: Path


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, gateway: str) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("authority")
    ca = certificates.authority(folder)
    context = certificates.server_context(folder, RECEIVER, "host.docker.internal")
    mail = Mailbox()
    [mail.port] = free_ports(1, gateway)
    controller = Controller(
        mail, hostname=gateway, port=mail.port, tls_context=context, require_starttls=True
    )
    controller.start()
    try:
        with (
            http_sink(gateway, context) as hooks,
            proxy(gateway, (gateway or "127.0.0.1", hooks.port)) as way,
        ):
            yield Outside(way, hooks, mail, ca)
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def company(
    tmp_path_factory: pytest.TempPathFactory, outside: Outside, mailbox: Mailbox, sink: HttpSink
) -> Iterator[Stack]:
    """A stack in a company: proxies in Docker's own settings and in the shell, none for the parts."""
    folder = tmp_path_factory.mktemp("company")
    stack = describe(folder, f"dreamos-company-{os.getpid()}", mailbox, sink)
    secrets = stack.secrets / "alertmanager"
    for path in secrets.iterdir():
        path.unlink()
    (secrets / "webhook_url").write_text(f"https://user:p%40ss@{RECEIVER}/webhook\n")
    (secrets / "watchdog_webhook_url").write_text(f"https://{RECEIVER}/watchdog\n")
    stack.change(
        ALERT_PROXY_URL=f"http://host.docker.internal:{outside.proxy.port}",
        ALERT_CA_FILE=str(outside.ca),
        SMTP_SMARTHOST=f"host.docker.internal:{outside.mail.port}",
        SMTP_REQUIRE_TLS="true",
        ALERT_EMAIL_TO="""'"Call, On" <oncall@example.org>'""",
    )
    configuration = folder / "docker"
    configuration.mkdir()
    ways = {"httpProxy": NOWHERE, "httpsProxy": NOWHERE, "noProxy": "nothing"}
    (configuration / "config.json").write_text(json.dumps({"proxies": {"default": ways}}))
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    stack.extra_environment = {
        "DOCKER_CONFIG": str(configuration),
        **dict.fromkeys(names, NOWHERE),
        "no_proxy": "",
        "NO_PROXY": "",
    }
    try:
        stack.output = stack.up()
        yield stack
    finally:
        keep_logs(stack)
        stack.remove()


def alert(stack: Stack, name: str) -> None:
    body = [{"labels": {"alertname": name, "severity": "critical", "job": name}, "annotations": {}}]
    answer = http(
        "POST",
        stack.url("alertmanager", "/api/v2/alerts"),
        body=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert 200 == answer.status, answer.text


@pytest.mark.parametrize("service", ["metrics", "prometheus", "alertmanager"])
def test_no_part_has_a_proxy_of_dockers_or_the_shells(company: Stack, service: str) -> None:
    variables = company.inspect(service, "{{json .Config.Env}}")
    found = dict(entry.split("=", 1) for entry in json.loads(variables))

    assert {""} == {value for name, value in found.items() if name.lower().endswith("_proxy")}


def test_status_asks_the_parts_themselves(company: Stack) -> None:
    def fine() -> bool:
        shown = company.tool("status")
        assert 0 == shown.returncode, shown.stdout + shown.stderr
        return True

    eventually(fine, within=120)


def test_a_webhook_is_reached_through_the_proxy_and_its_authority_is_trusted(
    company: Stack, outside: Outside
) -> None:
    alert(company, "ThroughTheProxy")

    request = eventually(lambda: next(iter(outside.hooks.at("/webhook")), None), within=120)

    assert f"{RECEIVER}:443" in outside.proxy.asked
    assert "Basic dXNlcjpwQHNz" == request.headers["Authorization"]  # user:p@ss
    assert eventually(lambda: outside.hooks.at("/watchdog"), within=120)


def test_a_mail_server_of_the_companys_authority_is_trusted(
    company: Stack, outside: Outside
) -> None:
    alert(company, "ByMail")

    message = eventually(lambda: next(iter(outside.mail.messages), None), within=120)

    assert '"Call, On" <oncall@example.org>' == message["To"]


@pytest.fixture
def other_authority(company: Stack, outside: Outside, tmp_path: Path) -> Iterator[None]:
    """Trust an authority that has signed nothing of what is outside."""
    tmp_path.chmod(0o755)
    company.change(ALERT_CA_FILE=str(certificates.authority(tmp_path)))
    yield
    company.change(ALERT_CA_FILE=str(outside.ca))
    company.up()


@pytest.mark.usefixtures("other_authority")
def test_another_authority_is_trusted_after_the_next_up(company: Stack) -> None:
    before = company.inspect("alertmanager", "{{.Id}}")

    company.up()

    assert before != company.inspect("alertmanager", "{{.Id}}")
    alert(company, "NotTrusted")
    failed = 'alertmanager_notifications_failed_total{integration="webhook"'
    eventually(
        lambda: any(
            line.startswith(failed) and float(line.rpartition(" ")[2]) > 0
            for line in http("GET", company.url("alertmanager", "/metrics")).text.splitlines()
        ),
        within=180,
    )


def test_who_is_told_is_said(company: Stack) -> None:
    assert 'critical   mail to "Call, On" <oncall@example.org>, webhook' in company.output
    assert "Watchdog   dead man's switch" in company.output
