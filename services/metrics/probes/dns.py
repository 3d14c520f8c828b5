"""The DNS probe: by the system's resolver, or by one question to a named server (RFC 1035)."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct

from .config import Probe, address
from .result import Deadline, ProbeError, ProbeResult

_TYPES = {"A": 1, "AAAA": 28}
_RCODES = {
    1: "format error",
    2: "server failure",
    3: "no such name",
    4: "not implemented",
    5: "refused",
}


def check_dns(probe: Probe) -> ProbeResult:
    """Resolve a name; with ``expect``, one of its addresses must be that one. Raises ProbeError."""
    found = _ask(probe) if probe.server else _system(probe)
    if not found:
        return ProbeResult("dns", f"the name has no {probe.record} record")
    if probe.expect and probe.expect not in found:
        return ProbeResult("content", "the expected address is not among the answers")
    return ProbeResult()


def _system(probe: Probe) -> set[str]:
    family = socket.AF_INET6 if probe.record == "AAAA" else socket.AF_INET
    try:
        found = socket.getaddrinfo(probe.target, None, family, socket.SOCK_STREAM)
    except socket.gaierror:
        raise ProbeError("dns", "the name is not known") from None
    return {str(entry[4][0]) for entry in found}


def _ask(probe: Probe) -> set[str]:
    deadline = Deadline(probe.timeout)
    server = address(probe.server if ":" in probe.server else probe.server + ":53", probe.name)
    number, kind = secrets.randbits(16), _TYPES[probe.record]
    try:
        family, _, _, _, place = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(place)
            sock.settimeout(deadline.remaining())
            sock.send(_question(number, probe.target, kind))
            while True:
                sock.settimeout(deadline.remaining())
                answer = sock.recv(4096)
                if len(answer) >= 12 and answer[:2] == struct.pack(">H", number):
                    return _addresses(answer, kind)
    except socket.gaierror:
        raise ProbeError("dns", "the server's name is not known") from None
    except TimeoutError:
        raise ProbeError("timeout", "no answer in time") from None
    except ConnectionRefusedError:
        raise ProbeError("refused", "nobody answers there") from None
    except OSError:
        raise ProbeError("unreachable", "no way to the server") from None


def _question(number: int, name: str, kind: int) -> bytes:
    header = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)  # recursion desired, one question
    labels = b""
    for part in name.rstrip(".").encode("idna").split(b"."):
        labels += bytes([len(part)]) + part
    return header + labels + b"\0" + struct.pack(">HH", kind, 1)


def _addresses(answer: bytes, kind: int) -> set[str]:
    _, flags, questions, answers, _, _ = struct.unpack(">HHHHHH", answer[:12])
    if flags & 0x000F:
        raise ProbeError("dns", _RCODES.get(flags & 0x000F, "an error of the server"))
    found: set[str] = set()
    try:
        position = 12
        for _ in range(questions):
            position = _after_name(answer, position) + 4
        for _ in range(answers):
            position = _after_name(answer, position)
            this, _, _, size = struct.unpack(">HHIH", answer[position : position + 10])
            data = answer[position + 10 : position + 10 + size]
            position += 10 + size
            if this == kind:
                found.add(str(ipaddress.ip_address(data)))
    except (IndexError, struct.error, ValueError):
        raise ProbeError("protocol", "no proper answer") from None
    return found


def _after_name(answer: bytes, position: int) -> int:
    while True:
        length = answer[position]
        if length & 0xC0:  # a pointer to a name before this one ends it
            return position + 2
        position += 1 + length
        if not length:
            return position
