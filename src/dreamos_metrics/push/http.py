"""HTTP connection to the service: kept alive, with a deadline for each request as a whole."""

from __future__ import annotations

import codecs
import contextlib
import http.client
import io
import math
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from dreamos_metrics.spool.descriptors import socket_identity

#: A step on the socket is looked at so often: the time for it may become shorter meanwhile.
_SLICE_SECONDS = 0.2
#: Responses are a few words; more than this is not read.
_MAX_RESPONSE_BYTES = 65536


_Socket = socket.socket


@dataclass(frozen=True)
class Response:
    """Response of the service."""

    status: int
    headers: Mapping[str, str]
    text: str
    #: The request may have arrived twice: the connection was lost under the first one.
    sent_twice: bool = False


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket and gives up when the time of the whole request is over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.in_slices(lambda sock: sock.recv_into(buffer))


class _SocketView:
    """What http.client needs of a socket to read one response."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._connection))


class Connection:
    """A connection that is opened when needed and used again while the service keeps it open.

    Not for several threads at once.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        # An ASCII name as bytes keeps the codec "idna" out, whose first import a fork in another
        # thread could tear.
        self._address: Any = self._host.encode() if self._host.isascii() else self._host
        self._tls = parts.scheme == "https"
        if self._tls or not self._host.isascii():
            codecs.lookup("idna")
        self._port = parts.port or (443 if self._tls else 80)
        self._shown_host = parts.netloc.rpartition("@")[2]
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._socket_identity: tuple[int, int] | None = None
        self._deadline = 0.0
        self._hurry = math.inf

    @property
    def socket(self) -> socket.socket:
        """The open socket."""
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket

    def time_left(self) -> float:
        """Return the seconds that the present request may still take.

        Raises:
            TimeoutError: there are none.
        """
        left = min(self._deadline, self._hurry) - monotonic()
        if left <= 0:
            raise TimeoutError("no answer within the time for a request")
        return left

    def hurry(self, seconds: float) -> None:
        """Let a request that another thread has begun end within so many seconds."""
        self._hurry = monotonic() + seconds

    def in_slices(self, step: Callable[[_Socket], int]) -> int:
        """Do one step on the socket, looking at the time left again and again.

        Raises:
            TimeoutError: no time is left.
        """
        while True:
            self.socket.settimeout(min(_SLICE_SECONDS, self.time_left()))
            with contextlib.suppress(TimeoutError):
                return step(self.socket)

    def request(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> Response:
        """Send one request and return the response.

        A connection that the service closed in the meantime is opened again once: pushes are
        snapshots, so sending one twice changes nothing.

        Raises:
            OSError: the service cannot be reached or did not answer in time.
            http.client.HTTPException: what came back is not HTTP.
        """
        self._deadline, self._hurry = monotonic() + (timeout or self._timeout), math.inf
        message = self._message(method, path, body, headers)
        sent_before = False
        if self._is_open():
            try:
                return self._exchange(method, message)
            except TimeoutError:
                self.close()
                raise
            except (OSError, http.client.HTTPException):
                self.close()
                sent_before = True
        try:
            self._open()
            response = self._exchange(method, message)
            return replace(response, sent_twice=True) if sent_before else response
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        sock, self._socket = self._socket, None
        if sock is not None:
            if socket_identity(sock.fileno()) == self._socket_identity:
                sock.close()
            else:
                sock.detach()  # closed by somebody else, to whom the number belongs now

    def _is_open(self) -> bool:
        """Whether there is a connection and nobody closed its descriptor behind our back."""
        if self._socket is None:
            return False
        if socket_identity(self._socket.fileno()) == self._socket_identity:
            return True
        self.close()
        return False

    def _open(self) -> None:
        sock = socket.create_connection((self._address, self._port), self.time_left())
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                context = ssl.create_default_context()
                sock.settimeout(self.time_left())
                sock = context.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise
        self._socket, self._socket_identity = sock, socket_identity(sock.fileno())

    def _message(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._shown_host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def _exchange(self, method: str, message: bytes) -> Response:
        rest = memoryview(message)
        while rest:
            part = rest
            rest = rest[self.in_slices(lambda sock, part=part: sock.send(part)) :]  # type: ignore[misc]
        response = http.client.HTTPResponse(_SocketView(self), method=method)  # type: ignore[arg-type]
        response.begin()
        text = response.read(_MAX_RESPONSE_BYTES).decode("utf-8", "replace")
        closing = response.will_close or not response.isclosed()
        result = Response(response.status, dict(response.headers.items()), text)
        response.close()
        if closing:
            self.close()
        return result
