"""Messages take the way that the settings name: through a proxy, to servers of an own authority."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import yaml
from aiosmtpd.controller import Controller

from tests.alerting.live import Sinks, alertmanager, free_port
from tests.alerting.support import Rendering
from tests.rules.tooling import ROOT, amtool
from tools.waiting import eventually

ALERT = {"labels": {"alertname": "Any", "severity": "critical"}}
QUICK = {"ALERT_GROUP_WAIT": "100ms"}
AUTHORITIES = {"SSL_CERT_DIR": "/etc/ssl/certs:/generated/alertmanager/ca"}
"""As docker-compose.yml has it."""


@contextmanager
def listening(seen: list[str], certificate: Path | None = None) -> Iterator[int]:
    """Run an HTTP server that notes what it is asked for, with TLS where it has a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        server.socket = context(certificate).wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return made


def self_signed(folder: Path) -> Path:
    """Make a certificate for this machine that is its own authority."""
    folder.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=here",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_messages_go_through_the_proxy(tmp_path: Path) -> None:
    asked: list[str] = []
    direct: list[str] = []
    with listening(asked) as proxy, listening(direct) as near:
        env = {
            **QUICK,
            "ALERT_PROXY_URL": f"http://127.0.0.1:{proxy}",
            "ALERT_NO_PROXY": "127.0.0.1",
        }
        secrets = {
            "slack_api_url": "http://slack.invalid/services/x",
            "webhook_url": "http://me:secret@hook.invalid/alerts",
            "watchdog_webhook_url": f"http://127.0.0.1:{near}/beat",
        }
        rendering = Rendering(tmp_path, env, secrets)
        assert [] == rendering.run()
        with alertmanager(amtool(), rendering) as running:
            running.fire(ALERT, {"labels": {"alertname": "Watchdog"}})
            eventually(lambda: len(asked) >= 2 and direct)

    # The name and the password of the address arrive as they should.
    assert ["http://hook.invalid/alerts Basic bWU6c2VjcmV0", "http://slack.invalid/services/x"] == (
        sorted(asked)
    )
    assert ["/beat"] == direct


def test_a_server_of_an_own_authority_is_trusted_with_its_certificate(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "tls")
    told: list[str] = []
    mail = Sinks()
    smtp = Controller(mail, hostname="127.0.0.1", port=free_port(),
                      tls_context=context(certificate))  # fmt: skip
    smtp.start()
    try:
        with listening(told, certificate) as port:
            env = {
                **QUICK,
                "SMTP_SMARTHOST": f"127.0.0.1:{smtp.port}",
                "SMTP_FROM": "dreamos@example.org",
                "ALERT_EMAIL_TO": "oncall@example.org",
            }
            secrets = {
                "webhook_url": f"https://127.0.0.1:{port}/hook",
                "slack_api_url": f"https://127.0.0.1:{port}/slack",
            }
            rendering = Rendering(tmp_path, env, secrets)
            assert [] == rendering.run(ca=certificate / "cert.pem")
            with alertmanager(amtool(), rendering, AUTHORITIES) as running:
                running.fire(ALERT)
                eventually(lambda: {"/hook", "/slack"} == set(told) and mail.messages)
    finally:
        smtp.stop()


def test_without_the_certificate_nothing_is_told_to_it(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "tls")
    told: list[str] = []
    with listening(told, certificate) as port:
        secrets = {"webhook_url": f"https://127.0.0.1:{port}/hook"}
        rendering = Rendering(tmp_path, QUICK, secrets)
        assert [] == rendering.run()
        failed = 'alertmanager_notification_requests_failed_total{integration="webhook"} 1'
        with alertmanager(amtool(), rendering, AUTHORITIES) as running:
            running.fire(ALERT)
            eventually(lambda: failed in running.exposition())

    assert [] == told


def test_the_stack_starts_alertmanager_with_these_authorities() -> None:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    environment = document["services"]["alertmanager"]["environment"]
    assert AUTHORITIES.items() <= environment.items()
