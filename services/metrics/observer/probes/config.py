"""Probes file: what the user wants to be watched, in YAML, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.name
import yaml

KINDS = ("http", "tcp", "dns", "file", "command")
MAX_PROBES = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class ProbeFileError(ValueError):
    """The probes file cannot be used; the message names the probe, the key, and what would be right."""


@dataclass(frozen=True)
class Probe:
    """One thing to watch. Times are in seconds.

    Attributes:
        name: the label ``dependency``.
        kind: one of :data:`KINDS`.
        target: a URL, ``host:port``, a host name, a path, or for ``command`` nothing.
        critical: whether the service is unhealthy, and not only degraded, while it is down.
        expect_status: HTTP statuses that are right; empty means 200 to 299.
        expect: a regular expression for the answer's beginning (http, tcp), or an address (dns).
        max_age: age from which a file is stale.
    """

    name: str
    kind: str
    target: str = ""
    interval: float = 15.0
    timeout: float = 5.0
    critical: bool = False
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    token_file: str = ""
    expect_status: tuple[int, ...] = ()
    expect: str = ""
    send: str = ""
    tls: bool = False
    verify: bool = True
    ca_file: str = ""
    server: str = ""
    record: str = "A"
    max_age: float = 300.0
    command: tuple[str, ...] = ()


_FOR = {
    "http": "method headers token_file expect_status expect verify ca_file",
    "tcp": "expect send tls verify ca_file",
    "dns": "expect server record",
    "file": "max_age",
    "command": "command",
}
_COMMON = "name kind target interval timeout critical"


def load(path: Path) -> list[Probe]:
    """Read the probes file.

    Returns:
        The probes in the file's order.

    Raises:
        ProbeFileError: the file cannot be read, or something in it is wrong.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ProbeFileError(f"the probes file cannot be read: {problem.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ProbeFileError(f"the probes file is not YAML{where}") from None
    return parse(found)


def parse(found: Any) -> list[Probe]:
    """Check the content of a probes file. Raises ProbeFileError."""
    entries = found.get("probes") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise ProbeFileError("the probes file must hold a list under the key probes")
    if len(entries) > MAX_PROBES:
        raise ProbeFileError(f"{len(entries)} probes are too many; at most {MAX_PROBES}")
    probes = [_probe(entry, number) for number, entry in enumerate(entries, start=1)]
    names = [probe.name for probe in probes]
    for name in names:
        if names.count(name) > 1:
            raise ProbeFileError(f"probe {name}: the name is used twice")
    return probes


def _probe(entry: Any, number: int) -> Probe:
    if not isinstance(entry, dict):
        raise ProbeFileError(f"probe {number}: must be a mapping with name, kind and target")
    name, kind = entry.get("name"), entry.get("kind")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ProbeFileError(f"probe {number}: name must be like redis or model-api")
    if kind not in KINDS:
        raise ProbeFileError(f"probe {name}: kind must be one of {', '.join(KINDS)}")
    allowed = set((_COMMON + " " + _FOR[kind]).split())
    unknown = sorted(str(key) for key in entry if key not in allowed)
    if unknown:
        choice = ", ".join(sorted(allowed))
        raise ProbeFileError(f"probe {name}: unknown key {unknown[0]}; {kind} takes {choice}")
    chosen = {f.name: _value(name, f.name, entry[f.name]) for f in fields(Probe) if f.name in entry}
    probe = Probe(**chosen)
    _check(probe)
    return probe


def _value(probe: str, key: str, value: Any) -> Any:
    convert, right = _RIGHT[key]
    try:
        return convert(value)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProbeFileError(f"probe {probe}: {key} must be {right}") from None


def _text(value: Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise TypeError
    return str(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    match = _DURATION.fullmatch(_text(value) if not isinstance(value, float) else str(value))
    if match is None:
        raise ValueError
    seconds = float(match[1]) * _UNITS[match[2] or "s"]
    if not 0.01 <= seconds <= 86400 * 366:
        raise ValueError
    return seconds


def _statuses(value: Any) -> tuple[int, ...]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(s, int) and not isinstance(s, bool) and 100 <= s <= 599 for s in found):
        raise ValueError
    return tuple(found)


def _pairs(value: Any) -> dict[str, str]:
    return {_text(key): _text(text) for key, text in value.items()}


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise TypeError
    return tuple(_text(word) for word in value)


def _one_of(*choices: str) -> Callable[[Any], str]:
    return lambda value: {choice: choice for choice in choices}[_text(value).upper()]


_STRING = (_text, "text")
_RIGHT: dict[str, tuple[Callable[[Any], Any], str]] = {
    **dict.fromkeys(
        ("name", "kind", "target", "expect", "send", "ca_file", "token_file", "server"), _STRING
    ),
    **dict.fromkeys(("critical", "tls", "verify"), (_switch, "true or false")),
    **dict.fromkeys(
        ("interval", "timeout", "max_age"), (_seconds, "seconds above 0, or like 500ms, 15s, 5m")
    ),
    "method": (_one_of("GET", "HEAD", "POST"), "GET, HEAD or POST"),
    "record": (_one_of("A", "AAAA"), "A or AAAA"),
    "expect_status": (_statuses, "a status like 200, or a list of them"),
    "headers": (_pairs, "a mapping of header names to text"),
    "command": (_words, "a list: the program and its arguments"),
}


def _check(probe: Probe) -> None:
    name = probe.name
    if probe.kind == "command" and not probe.command:
        raise ProbeFileError(f"probe {name}: command is missing, for example [pg_isready, -q]")
    if probe.kind != "command" and not probe.target:
        raise ProbeFileError(f"probe {name}: target is missing")
    if probe.kind == "http":
        _check_url(probe)
    if probe.kind == "tcp":
        address(probe.target, name)
    if probe.kind == "dns":
        try:
            dns.name.from_text(probe.target)
        except dns.exception.DNSException:
            raise ProbeFileError(
                f"probe {name}: target must be a host name, like api.example.com"
            ) from None
    if probe.server:
        address(probe.server if ":" in probe.server else probe.server + ":53", name)
    if probe.kind in ("http", "tcp") and probe.expect:
        try:
            re.compile(probe.expect)
        except re.error as problem:
            raise ProbeFileError(
                f"probe {name}: expect is no regular expression: {problem.msg}"
            ) from None


def _check_url(probe: Probe) -> None:
    try:
        url = urlsplit(probe.target)
        right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        right = False
    if not right:
        raise ProbeFileError(
            f"probe {probe.name}: target must be like http://prometheus:9090/-/healthy"
        )


def address(text: str, probe: str = "") -> tuple[str, int]:
    """Split ``host:port``, brackets around an IPv6 host. Raises ProbeFileError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ProbeFileError(f"probe {probe}: {text} must be host:port, like redis:6379")
    return host, int(port)
