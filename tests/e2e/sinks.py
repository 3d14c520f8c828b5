"""Where notifications arrive in the tests: a real SMTP server and a real HTTP server, both on this machine."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mailbox:
    """Messages in the order in which the SMTP server accepted them; one sender may be refused."""

    messages: list[EmailMessage] = field(default_factory=list)
    port: int = 0
    refused_sender: str = ""

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept or refuse a sender (aiosmtpd calls this by its name)."""
        if address == self.refused_sender:
            return f"550 5.7.1 {address} may not send here"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Accept a message (aiosmtpd calls this by its name)."""
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        self.messages.append(message_from_bytes(raw, policy=policy.default))
        return "250 OK"


@dataclass
class Request:
    """One request that the HTTP sink received."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class HttpSink:
    """Requests in the order of their arrival, by the part of the path that names the receiver."""

    requests: list[Request] = field(default_factory=list)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def at(self, path: str) -> list[Request]:
        """Return the requests to one path."""
        return [request for request in self.requests if request.path == path]


NEVER = 0
"""In place of a status: the request is read, and never answered."""

ANSWERS: dict[str, tuple[int, bytes]] = {
    "/slack": (200, b"ok"),
    "/pagerduty/v2/enqueue": (202, b'{"status":"success","message":"Event processed"}'),
    "/webhook": (200, b""),
    "/watchdog": (200, b""),
}


@contextmanager
def smtp_sink(address: str) -> Iterator[Mailbox]:
    """Run an SMTP server on a free port of `address`."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=address, port=_free_port(address))
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


@contextmanager
def http_sink(
    address: str,
    tls: ssl.SSLContext | None = None,
    answers: Mapping[str, tuple[int, bytes]] = ANSWERS,
) -> Iterator[HttpSink]:
    """Run an HTTP server on a free port of `address`; a path that nobody configured gets 404."""
    sink = HttpSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = answers.get(self.path, (404, b""))
            sink.requests.append(Request(self.path, dict(self.headers), json.loads(raw)))
            if status == NEVER:
                sink.closing.wait(300)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer((address, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        sink.closing.set()
        server.shutdown()
        server.server_close()


def _free_port(address: str) -> int:
    with ThreadingHTTPServer((address, 0), BaseHTTPRequestHandler) as probe:
        return probe.server_address[1]
