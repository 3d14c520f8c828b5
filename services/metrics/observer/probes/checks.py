"""Probes by kind: HTTP, TCP, a file's age and a command's exit; each returns a ProbeResult."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from services.metrics.observer.probes.config import Probe, address
from services.metrics.observer.probes.connection import TimedSocket, connect
from services.metrics.observer.probes.dns import check_dns
from services.metrics.observer.probes.result import Deadline, ProbeError, ProbeResult

MAX_ANSWER_BYTES = 64 * 1024  # bytes of an answer that are looked at
_POLL_SECONDS = 0.05


def check(probe: Probe, stopping: threading.Event) -> ProbeResult:
    """Probe once, in at most about ``probe.timeout`` seconds; never raises. ``stopping`` ends a command early."""
    try:
        if probe.kind == "command":
            return check_command(probe, stopping)
        return _CHECKS[probe.kind](probe)
    except ProbeError as problem:
        return problem.result
    except Exception as problem:  # noqa: BLE001 - a probe's fault is a result, whatever it is
        return ProbeResult("error", f"the probe failed ({type(problem).__name__})")


def check_http(probe: Probe) -> ProbeResult:
    """Ask for a URL; the status and the answer's beginning must be as expected. Redirects are not followed."""
    url, deadline = urlsplit(probe.target), Deadline(probe.timeout)
    tls = url.scheme == "https"
    host, port = url.hostname or "", url.port or (443 if tls else 80)
    sock, expiry = connect(host, port, tls, probe, deadline)
    connection = http.client.HTTPConnection(host, port)
    connection.sock = cast(socket.socket, TimedSocket(sock, deadline))
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request(probe.method, path, headers=_headers(probe))
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER_BYTES)
    except (http.client.HTTPException, ssl.SSLError, OSError, ValueError) as problem:
        if deadline.passed or isinstance(problem, TimeoutError):
            raise ProbeError("timeout", "no whole answer in time", expiry) from None
        raise ProbeError("protocol", "no proper HTTP answer", expiry) from None
    except ProbeError as problem:
        raise ProbeError(problem.result.reason, problem.result.detail, expiry) from None
    finally:
        connection.close()
        sock.close()
    if answer.status not in (probe.expect_status or range(200, 300)):
        return ProbeResult("status", f"status {answer.status}", expiry)
    return _expected(probe, body, expiry)


def check_tcp(probe: Probe) -> ProbeResult:
    """Connect; with ``send`` or ``expect``, talk as well."""
    deadline = Deadline(probe.timeout)
    host, port = address(probe.target, probe.name)
    sock, expiry = connect(host, port, probe.tls, probe, deadline)
    with sock:
        timed = TimedSocket(sock, deadline)
        try:
            if probe.send:
                timed.sendall(probe.send.encode())
            return _listen(timed, probe, expiry)
        except ProbeError as problem:
            raise ProbeError(problem.result.reason, problem.result.detail, expiry) from None
        except TimeoutError:
            raise ProbeError("timeout", "no whole answer in time", expiry) from None
        except OSError:
            raise ProbeError("protocol", "the connection broke", expiry) from None


def _listen(sock: TimedSocket, probe: Probe, expiry: float | None) -> ProbeResult:
    said = b""
    while probe.expect and len(said) < MAX_ANSWER_BYTES:
        if _expected(probe, said, expiry).up:
            break
        piece = sock.recv(4096)
        if not piece:
            break
        said += piece
    return _expected(probe, said, expiry)


def _expected(probe: Probe, said: bytes, expiry: float | None) -> ProbeResult:
    if probe.expect and not re.search(probe.expect, said.decode("utf-8", "replace")):
        return ProbeResult("content", "the answer is not the expected one", expiry)
    return ProbeResult(expiry=expiry)


def _headers(probe: Probe) -> dict[str, str]:
    headers = {"User-Agent": "dreamos-metrics", "Connection": "close", **probe.headers}
    if probe.token_file:
        try:
            token = Path(probe.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ProbeError("error", "the token file cannot be read") from None
        headers["Authorization"] = f"Bearer {token}"
    return headers


def check_file(probe: Probe) -> ProbeResult:
    """Look at a file's age, by the time of its last change."""
    try:
        age = time.time() - Path(probe.target).stat().st_mtime
    except FileNotFoundError:
        return ProbeResult("missing", "the file is not there")
    except OSError:
        return ProbeResult("error", "the file cannot be looked at")
    if age > probe.max_age:
        return ProbeResult(
            "stale", f"last changed {age:.0f} s ago, at most {probe.max_age:.0f} s are right"
        )
    return ProbeResult()


def check_command(probe: Probe, stopping: threading.Event) -> ProbeResult:
    """Run a program without a shell; it must end with 0 in time. It and its children are killed otherwise."""
    deadline = Deadline(probe.timeout)
    try:
        process = subprocess.Popen(
            probe.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return ProbeResult("missing", "the program cannot be started")
    try:
        while not deadline.passed and not stopping.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_POLL_SECONDS)
                return ProbeResult() if code == 0 else ProbeResult("exit", f"exit status {code}")
        return ProbeResult("timeout", "it did not end in time")
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)  # also what it left running
        else:
            process.kill()
    process.wait()


_CHECKS = {"http": check_http, "tcp": check_tcp, "file": check_file, "dns": check_dns}
