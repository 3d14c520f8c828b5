"""Connections with a deadline for the whole exchange, and what a server's certificate says."""

from __future__ import annotations

import io
import socket
import ssl
from typing import Any

from cryptography import x509

from services.metrics.observer.probes.config import Probe
from services.metrics.observer.probes.result import Deadline, ProbeError


def connect(
    host: str, port: int, tls: bool, probe: Probe, deadline: Deadline
) -> tuple[socket.socket, float | None]:
    """Open a connection; return it and, with TLS, when the certificate expires.

    Raises ProbeError, for a certificate that is refused with its expiry all the same.
    """
    plain = _open(host, port, deadline)
    if not tls:
        return plain, None
    try:
        plain.settimeout(deadline.remaining())
        secured = context(probe).wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as problem:
        plain.close()
        detail = f"certificate: {problem.verify_message}"
        raise ProbeError("tls", detail, _unverified_expiry(host, port, deadline)) from None
    except ssl.SSLError:
        plain.close()
        raise ProbeError("tls", "no TLS connection") from None
    except TimeoutError:
        plain.close()
        raise ProbeError("timeout", "no TLS handshake in time") from None
    except OSError:
        plain.close()
        raise ProbeError("tls", "the connection was closed in the TLS handshake") from None
    return secured, expiry(secured.getpeercert(binary_form=True))


def context(probe: Probe) -> ssl.SSLContext:
    """Return the TLS settings of a probe. Raises ProbeError when its CA file cannot be used."""
    try:
        made = ssl.create_default_context(cafile=probe.ca_file or None)
    except (OSError, ssl.SSLError):
        raise ProbeError("error", "the CA file cannot be used") from None
    if not probe.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class TimedSocket:
    """A connection whose every read ends at the deadline; what ``http.client`` needs of a socket.

    A socket's own time-out starts again with each byte, so a server that sends one now and then would
    hold a probe for ever.
    """

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def sendall(self, data: bytes) -> None:
        """Send everything. Raises OSError, or ProbeError at the deadline."""
        self._connection.settimeout(self._deadline.remaining())
        self._connection.sendall(data)

    def recv_into(self, buffer: memoryview) -> int:
        """Read what is there. Raises OSError, or ProbeError at the deadline."""
        self._connection.settimeout(self._deadline.remaining())
        return self._connection.recv_into(buffer)

    def recv(self, size: int) -> bytes:
        """Return what is there, ``size`` bytes at most; empty at the end. Raises as above."""
        self._connection.settimeout(self._deadline.remaining())
        return self._connection.recv(size)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file of what is read."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _Reader(io.RawIOBase):
    def __init__(self, connection: TimedSocket) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(memoryview(buffer))


def expiry(certificate: bytes | None) -> float | None:
    """Return when a DER certificate runs out (Unix seconds), None when it cannot be read.

    The ssl module tells the dates of a verified certificate only, and the date of one that has
    expired is what matters most.
    """
    try:
        found = x509.load_der_x509_certificate(certificate) if certificate else None
    except ValueError:
        return None
    return found.not_valid_after_utc.timestamp() if found is not None else None


def _open(host: str, port: int, deadline: Deadline) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout=deadline.remaining())
    except socket.gaierror:
        raise ProbeError("dns", "the name is not known") from None
    except ConnectionRefusedError:
        raise ProbeError("refused", "the connection was refused") from None
    except TimeoutError:
        raise ProbeError("timeout", "no connection in time") from None
    except OSError:
        raise ProbeError("unreachable", "no way to the host") from None


def _unverified_expiry(host: str, port: int, deadline: Deadline) -> float | None:
    lenient = ssl.create_default_context()
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    try:
        with (
            _open(host, port, deadline) as plain,
            lenient.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return expiry(secured.getpeercert(binary_form=True))
    except (ProbeError, OSError):
        return None
