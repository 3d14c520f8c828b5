"""Connections with a deadline for the whole exchange, and what a server's certificate says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timezone

from .config import Probe
from .result import Deadline, ProbeError


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


@contextlib.contextmanager
def cut_off(connection: socket.socket, deadline: Deadline) -> Iterator[None]:
    """End the connection at the deadline.

    A socket's own time-out starts again with each byte, so a server that sends one now and then would hold a probe for
    ever.
    """
    timer = threading.Timer(deadline.remaining(), _shut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, ValueError):
        if not deadline.passed:
            raise
    finally:
        timer.cancel()
    deadline.remaining()  # what was read up to the cut looks like a whole answer


def expiry(certificate: bytes | None) -> float | None:
    """Return when a DER certificate runs out (Unix seconds), None when it cannot be read.

    The fields are those of RFC 5280, section 4.1. The ssl module tells them of a verified certificate only, and
    the date of one that has expired is what matters most.
    """
    try:
        return _not_after(certificate) if certificate else None
    except (ValueError, IndexError):
        return None


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


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _not_after(certificate: bytes) -> float:
    _, position, _ = _element(certificate, 0)  # Certificate
    _, position, _ = _element(certificate, position)  # TBSCertificate
    tag, _, end = _element(certificate, position)
    if tag == 0xA0:  # the version, which is optional
        _, _, end = _element(certificate, end)  # serial number
    _, _, end = _element(certificate, end)  # signature algorithm
    _, _, end = _element(certificate, end)  # issuer
    _, position, _ = _element(certificate, end)  # validity
    _, _, end = _element(certificate, position)  # not before
    tag, start, end = _element(certificate, end)
    text = certificate[start:end].decode("ascii")
    if tag == 0x17:  # two digits of the year: 50 to 99 are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()


def _element(data: bytes, position: int) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the DER element at ``position``."""
    tag, length, start = data[position], data[position + 1], position + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if start + length > len(data):
        raise ValueError("it breaks off")
    return tag, start, start + length
