"""Real servers that answer rightly, wrongly, slowly or not at all; and certificates for them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Talk = Callable[[socket.socket, threading.Event], None]

CA_CONFIG = """
[ca]
default_ca = here
[here]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


@contextlib.contextmanager
def serving(talk: Talk, secured: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Let ``talk`` answer every connection on a free port, each in a thread; yield the port.

    The event given to ``talk`` is set when the server ends.
    """
    ended, threads = threading.Event(), []
    context = None
    if secured is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*secured)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)

    def answer(connection: socket.socket) -> None:
        connection.settimeout(60)
        with contextlib.suppress(OSError), connection:
            peer = context.wrap_socket(connection, server_side=True) if context else connection
            with peer:
                talk(peer, ended)

    def accept() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                thread = threading.Thread(target=answer, args=(connection,), daemon=True)
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        ended.set()
        accepting.join(60)
        for thread in threads:
            thread.join(60)
        listener.close()


def http_answer(status: str, body: str = "", headers: str = "") -> Talk:
    """Return a server of one HTTP answer."""

    def talk(peer: socket.socket, _ended: threading.Event) -> None:
        peer.recv(4096)
        text = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        peer.sendall(text.encode())

    return talk


def silent(peer: socket.socket, ended: threading.Event) -> None:
    """Take the connection and say nothing."""
    ended.wait(60)


def dripping(peer: socket.socket, ended: threading.Event) -> None:
    """Send a byte now and then, for ever: never silent for long, and never done."""
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not ended.wait(0.01):
        peer.sendall(b".")


def babbling(peer: socket.socket, _ended: threading.Event) -> None:
    """Answer with what is no HTTP."""
    peer.recv(4096)
    peer.sendall(b"220 mail.example ESMTP\r\n")


@contextlib.contextmanager
def name_server(answer: Callable[[bytes], bytes | None], port: int = 0) -> Iterator[int]:
    """Answer UDP questions on ``port``, or a free one; yield the port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    sock.settimeout(0.05)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                question, who = sock.recvfrom(4096)
                reply = answer(question)
                if reply is not None:
                    sock.sendto(reply, who)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(sock.getsockname()[1])
    finally:
        ended.set()
        thread.join(60)
        sock.close()


def certificate(folder: Path, start: str, end: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1 and localhost with these dates; return it and its key."""
    key, request, made = folder / "key.pem", folder / "request.pem", folder / "certificate.pem"
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(CA_CONFIG.format(folder=folder))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    _openssl("req", "-new", *new_key, "-keyout", key, "-out", request, *names)
    dates = ["-startdate", start, "-enddate", end]
    signing: list[str | Path] = [
        "-selfsign",
        "-keyfile",
        key,
        "-in",
        request,
        "-out",
        made,
        "-notext",
        "-batch",
    ]
    _openssl("ca", "-config", folder / "ca.conf", *signing, *dates)
    return made, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
