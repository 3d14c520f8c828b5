"""What a setting may hold: one small function per kind, standard library only.

Each function takes the text and returns None when it is right, otherwise what is wrong with it,
worded so that it can follow the text ("'abc' is not a port number, 1 to 65535").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from email.utils import formataddr
from urllib.parse import urlsplit

Kind = Callable[[str], "str | None"]

_DURATION = re.compile(r"(?:([0-9]+)(ms|[smhdwy]))")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_EMAIL = re.compile(r"[^\s@<>,;:{}\"]+@([^\s@<>,;:{}\"]+)")
# A name in front of an address, in quotes where it holds a comma or the like.
_NAMED = re.compile(r'(?P<name>"[^"\\]*"|[^"\\<>,;:@()\[\]{}]*?)\s*<(?P<address>[^<>]*)>')
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_PATH_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:(?P<registry>[A-Za-z0-9.-]+(?::[0-9]+)?)/)?{_PATH_WORD}(?:/{_PATH_WORD})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
# What Go's time.Duration holds: Prometheus and Alertmanager refuse more.
_LONGEST_SECONDS = 290 * 31536000
_ESCAPED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BYTES = {"B": 0, "KB": 10, "MB": 20, "GB": 30, "TB": 40, "PB": 50, "EB": 60}


def duration_seconds(text: str) -> float | None:
    """Return the seconds in a duration as Prometheus writes it ("15s", "1h30m"), else None."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    units = [unit for _number, unit in parts]
    order = sorted(set(units), key=lambda unit: -_SECONDS[unit])
    if units != order:  # Prometheus wants the larger unit first, and each once
        return None
    return float(sum(int(number) * _SECONDS[unit] for number, unit in parts))


def _duration(text: str) -> str | None:
    seconds = duration_seconds(text)
    if seconds is None:
        return "is not a time with its unit (ms, s, m, h, d, w, y)"
    if seconds > _LONGEST_SECONDS:
        return "is longer than 290y"
    return None if seconds > 0 else "is no time at all"


def _port(text: str) -> str | None:
    right = re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) <= 65535
    return None if right else "is not a port number, 1 to 65535"


def _address(text: str) -> str | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return "is not an IP address"
    if found.is_multicast or getattr(found, "scope_id", None):
        return "is not an IP address that ports can be opened on"
    return None


def _host(text: str) -> str | None:
    return None if _HOST.fullmatch(text) else "is not the name of a machine"


def _host_port(text: str) -> str | None:
    host, colon, port = text.rpartition(":")
    if not colon:
        return "has no port"
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else None
    wrong = _address(bare) if bare is not None else _host(host)
    return wrong or (_port(port) and "has a port that is not a number from 1 to 65535")


def _url(text: str) -> str | None:
    return _web_address(text) or _no_password(text)


def _secret_url(text: str) -> str | None:
    """Judge an address that only a secret file holds: there a password may be."""
    return _web_address(text)


def _base_url(text: str) -> str | None:
    """Judge an address below which a part serves: its path becomes that of the part's pages."""
    if wrong := _url(text):
        return wrong
    parts = urlsplit(text)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        return "has a query or a fragment, and pages are added to it"
    # Prometheus and Alertmanager take these in a path for patterns of their own, and end.
    if any(character in parts.path for character in ":*") or "//" in parts.path:
        return "has a path that holds : or * or //"
    return None


def _web_address(text: str) -> str | None:
    if any(character.isspace() or character in "\"'<>\\^`{|}" for character in text):
        return "holds a character that has no place in an address"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "has a wrong port or host"
    if parts.scheme not in {"http", "https"}:
        return "does not begin with http:// or https://"
    if not parts.hostname or port == 0:
        return "names no machine"
    if not _is_host(parts.hostname):
        return "has a wrong port or host"
    return "holds a % that begins no escape" if _ESCAPED.search(text) else None


def _is_host(name: str) -> bool:
    if ":" in name:
        return _address(name) is None
    return all(re.fullmatch(r"[\w-]+", part) for part in name.removesuffix(".").split("."))


def _no_password(text: str) -> str | None:
    held = urlsplit(text).password is not None
    return "holds a password, which belongs into a file" if held else None


def _proxy(text: str) -> str | None:
    if wrong := _url(text):
        return wrong
    return None if urlsplit(text).path in {"", "/"} else "has a path, which a proxy has not"


def _hours(text: str) -> str | None:
    found = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text)
    if not found:
        return "is not a time of the day to another, such as 22:00-07:00"
    begin, end = text.split("-")
    return "begins when it ends" if begin == end else None


def _hosts(text: str) -> str | None:
    """Judge what is reached without a proxy: names, .domains, addresses, networks, ports."""
    for part in (part.strip() for part in text.split(",")):
        if part != "*" and not re.fullmatch(r"\.?[A-Za-z0-9_:\[\]][A-Za-z0-9_.:\[\]/-]*", part):
            return f"is wrong at {part!r}, which is neither a host nor a network"
    return None


def mailboxes(text: str) -> list[str]:
    """Return the addresses in a list with commas, each with its name as it was written."""
    return [part.strip() for part in _COMMA.split(text)]


def addresses(text: str) -> list[str]:
    """Return the addresses in a list with commas, each as a mail program would write it.

    What is not ASCII in a name is encoded, because Alertmanager would else encode the address along
    with it. Each part has to be right.
    """
    return [_written(part) for part in mailboxes(text)]


def _written(part: str) -> str:
    named = _NAMED.fullmatch(part)
    if not named:
        return part
    return formataddr((named["name"].strip().strip('"'), named["address"].strip()))


def _email(text: str) -> str | None:
    named = _NAMED.fullmatch(text)
    found = _EMAIL.fullmatch(named["address"] if named else text)
    return None if found and _HOST.fullmatch(found[1]) else "is not an email address"


def _emails(text: str) -> str | None:
    for part in mailboxes(text):
        if wrong := _email(part):
            return f"is wrong at {part!r}, which {wrong}"
    return None


def _flag(text: str) -> str | None:
    words = {"1", "0", "true", "false", "yes", "no", "on", "off"}
    return None if text.lower() in words else "is neither true nor false"


def _size(text: str) -> str | None:
    right = re.fullmatch(r"([1-9][0-9]*)([KMGTPE]?B)", text)
    if not right:
        return "is not a size with its unit (KB, MB, GB, TB)"
    # Prometheus counts in 64 bits and takes what is over them for a size below zero.
    return None if int(right[1]) << _BYTES[right[2]] < 1 << 63 else "is more than there is"


def _severities(text: str) -> str | None:
    for part in text.split(","):
        if part.strip() not in {"critical", "warning"}:
            return f"is wrong at {part.strip()!r}, which is neither critical nor warning"
    return None


def _image(text: str) -> str | None:
    found = _IMAGE.fullmatch(text)
    # Docker reads a first word with capitals as a registry only when it looks like one.
    registry = (found["registry"] if found else None) or ""
    looks = re.search(r"[.:]|^localhost$", registry) or registry == registry.lower()
    return None if found and looks else "is not the name of an image"


def _grafana_image(text: str) -> str | None:
    tag = text.partition("@")[0].rpartition(":")[2]
    if "-distroless" in tag:
        return "has no shell and no HTTP client, so that its health cannot be asked for"
    if "-slim" in tag:
        return "comes without the plugin of the Prometheus data source, so that every panel fails"
    return _image(text)


def _project(text: str) -> str | None:
    right = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", text)
    return None if right else "is not a name of small letters, digits, - and _"


def _zone(text: str) -> str | None:
    import zoneinfo  # only where it is needed: it is slow to import

    zones = zoneinfo.available_timezones()
    # A machine without a list of zones leaves the word to the service, which has one.
    return None if text in zones or not zones else "is not a time zone"


def _word(text: str) -> str | None:
    right = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", text)
    return None if right else "is not one word of letters, digits and . _ @ - (at most 64)"


def _channel(text: str) -> str | None:
    return None if re.fullmatch(r"[#@]?[^\s#@,{}]{1,80}", text) else "is not a channel"


def _chat(text: str) -> str | None:
    right = re.fullmatch(r"-?[1-9][0-9]{0,17}", text)
    return None if right else "is not the number of a chat, such as -1001234567890"


def _count(text: str) -> str | None:
    return None if re.fullmatch(r"[1-9][0-9]{0,8}", text) else "is not a whole number above 0"


def _share(text: str) -> str | None:
    right = re.fullmatch(r"0?\.[0-9]{1,3}|1(\.0{1,3})?", text)
    return None if right and float(text) > 0 else "is not a share above 0 and up to 1"


def _pattern(text: str) -> str | None:
    try:
        re.compile(text)
    except re.error as error:
        return f"is no regular expression ({error.msg})"
    return None


def _agent_pattern(text: str) -> str | None:
    if wrong := _pattern(text):
        return wrong
    return None if "agent" in re.compile(text).groupindex else "has no group named agent"


def _level(text: str) -> str | None:
    levels = {"debug", "info", "warning", "error"}
    return None if text.lower() in levels else "is not a level"


def _text(text: str) -> str | None:
    return None if text.isprintable() else "holds a character that cannot be printed"


KINDS: dict[str, Kind] = {
    "address": _address,
    "agent_pattern": _agent_pattern,
    "base_url": _base_url,
    "channel": _channel,
    "chat": _chat,
    "count": _count,
    "duration": _duration,
    "email": _email,
    "emails": _emails,
    "flag": _flag,
    "grafana_image": _grafana_image,
    "host": _host,
    "host_port": _host_port,
    "hosts": _hosts,
    "hours": _hours,
    "image": _image,
    "level": _level,
    "path": _text,
    "pattern": _pattern,
    "port": _port,
    "project": _project,
    "proxy": _proxy,
    "secret_url": _secret_url,
    "severities": _severities,
    "share": _share,
    "size": _size,
    "text": _text,
    "url": _url,
    "word": _word,
    "zone": _zone,
}
