"""The DNS probe: by the system's resolver, or by one question to a named server."""

from __future__ import annotations

import socket

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from services.metrics.observer.probes.config import Probe, address
from services.metrics.observer.probes.result import Deadline, ProbeError, ProbeResult

_RCODES = {
    dns.rcode.FORMERR: "format error",
    dns.rcode.SERVFAIL: "server failure",
    dns.rcode.NXDOMAIN: "no such name",
    dns.rcode.NOTIMP: "not implemented",
    dns.rcode.REFUSED: "refused",
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
    """Ask as every program on the machine does: with its hosts file and its search list."""
    family = socket.AF_INET6 if probe.record == "AAAA" else socket.AF_INET
    try:
        found = socket.getaddrinfo(probe.target, None, family, socket.SOCK_STREAM)
    except socket.gaierror:
        raise ProbeError("dns", "the name is not known") from None
    return {str(entry[4][0]) for entry in found}


def _ask(probe: Probe) -> set[str]:
    deadline = Deadline(probe.timeout)
    server = address(probe.server if ":" in probe.server else probe.server + ":53", probe.name)
    try:
        family, _, _, _, place = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
        question = dns.message.make_query(probe.target, probe.record)
        answer = _answer(question, family, place, deadline)
        if answer.flags & dns.flags.TC:  # too long for a datagram
            host, port = str(place[0]), int(place[1])
            answer = dns.query.tcp(question, host, timeout=deadline.remaining(), port=port)
    except socket.gaierror:
        raise ProbeError("dns", "the server's name is not known") from None
    except (TimeoutError, dns.exception.Timeout):
        raise ProbeError("timeout", "no answer in time") from None
    except ConnectionRefusedError:
        raise ProbeError("refused", "nobody answers there") from None
    except OSError:
        raise ProbeError("unreachable", "no way to the server") from None
    except (dns.exception.DNSException, EOFError):
        raise ProbeError("protocol", "no proper answer") from None
    return _addresses(answer, dns.rdatatype.from_text(probe.record))


def _answer(
    question: dns.message.QueryMessage, family: int, place: tuple[object, ...], deadline: Deadline
) -> dns.message.Message:
    """Return the first answer to this very question; others may be forged, and are passed over."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(place)  # so that the system tells when nobody listens there
        sock.settimeout(deadline.remaining())
        sock.send(question.to_wire())
        while True:
            sock.settimeout(deadline.remaining())
            wire = sock.recv(65_535)
            if wire[:2] != question.id.to_bytes(2, "big"):
                continue
            answer = dns.message.from_wire(wire)
            if question.is_response(answer):
                return answer


def _addresses(answer: dns.message.Message, kind: dns.rdatatype.RdataType) -> set[str]:
    if answer.rcode() != dns.rcode.NOERROR:
        raise ProbeError("dns", _RCODES.get(answer.rcode(), "an error of the server"))
    return {item.address for found in answer.answer if found.rdtype == kind for item in found}
