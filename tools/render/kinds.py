"""What a setting may hold: one small function per kind, standard library only.

Each function takes the text and returns None when it is right, otherwise what is wrong with it,
worded so that it can follow the text ("'abc' is not a port number, 1 to 65535").
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable
from email.utils import formataddr
from urllib.parse import urlsplit

Kind = Callable[[str], "str | None"]

_DURATION = re.compile(r"(?:(\d+)(ms|[smhdwy]))")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_EMAIL = re.compile(r"[^\s@<>,;:\"(){}]+@([^\s@<>,;:]+)")
# An address with or without the name of who reads it; a comma in a name needs quotes around it.
_NAMED = re.compile(r'(?P<name>"(?:[^"\\{}]|\\.)*"|[^"<>,;{}\\]*)\s*<(?P<address>[^<>]*)>')
_PART = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^,])*)(?:,|$)')
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]{64})?")


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
    return None if seconds > 0 else "is no time at all"


def _port(text: str) -> str | None:
    right = text.isascii() and text.isdigit() and 1 <= int(text) <= 65535
    return None if right else "is not a port number, 1 to 65535"


def _address(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "is not an IP address"
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


def _secret_url(text: str) -> str | None:
    if any(character.isspace() or character in "\"'<>\\`{}" for character in text):
        return "holds a character that has no place in an address"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "has a wrong port or host"
    if parts.scheme not in {"http", "https"}:
        return "does not begin with http:// or https://"
    return None if parts.hostname and port != 0 else "names no machine"


def _url(text: str) -> str | None:
    if wrong := _secret_url(text):
        return wrong
    return "holds a password, which belongs into a file" if urlsplit(text).password else None


def _proxy_url(text: str) -> str | None:
    if wrong := _url(text):
        return wrong
    path = urlsplit(text).path
    return f"has a path, {path!r}, and a proxy has none" if path.strip("/") else None


def addresses(text: str) -> list[str]:
    """Return the addresses in a list with commas, each as a mail program would write it.

    "Ops Team <ops@example.org>" keeps its name; what is not ASCII in it is encoded, because
    Alertmanager would else encode the address along with it. Raises ValueError, which names the part
    that is wrong.
    """
    ends = [found for found in _PART.finditer(text + ",") if found.end() > found.start()]
    return [_written(found[1].strip()) for found in ends]


def _written(part: str) -> str:
    named = _NAMED.fullmatch(part)
    address = named["address"].strip() if named else part
    found = _EMAIL.fullmatch(address)
    if not found or not _HOST.fullmatch(found[1]) or not part.isprintable():
        raise ValueError(part)
    name = named["name"].strip() if named else ""
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return formataddr((name, address))


def _email(text: str) -> str | None:
    try:
        right = len(addresses(text)) == 1
    except ValueError:
        right = False
    return None if right else "is not an email address"


def _emails(text: str) -> str | None:
    try:
        addresses(text)
    except ValueError as error:
        return f"is wrong at {error.args[0]!r}, which is not an email address"
    return None


def _timezone(text: str) -> str | None:
    import zoneinfo

    known = zoneinfo.available_timezones()  # none where the system has no list of them
    right = text in known if known else _ZONE.fullmatch(text)
    return None if right else "is not the name of a time zone"


def _hosts(text: str) -> str | None:
    for part in (part.strip() for part in text.split(",")):
        bare = part.removeprefix("*").removeprefix(".").rpartition(":")[0] or part.lstrip("*.")
        if not _network(part) and _host(bare):
            return f"is wrong at {part!r}, which is neither a machine, a domain nor a network"
    return None


def _network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _certificates(text: str) -> str | None:
    if "PRIVATE KEY" in text:
        return "holds a private key, which belongs nowhere but on its server"
    if "-----BEGIN CERTIFICATE-----" not in text:
        return "holds no certificate in PEM form"
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        return "holds a certificate that cannot be read"
    return None


def _flag(text: str) -> str | None:
    words = {"1", "0", "true", "false", "yes", "no", "on", "off"}
    return None if text.lower() in words else "is neither true nor false"


def _size(text: str) -> str | None:
    right = re.fullmatch(r"[1-9]\d*([KMGTPE]?B)", text)
    return None if right else "is not a size with its unit (KB, MB, GB, TB)"


def _severities(text: str) -> str | None:
    for part in text.split(","):
        if part.strip() not in {"critical", "warning"}:
            return f"is wrong at {part.strip()!r}, which is neither critical nor warning"
    return None


def _image(text: str) -> str | None:
    return None if _IMAGE.fullmatch(text) else "is not the name of an image"


def _word(text: str) -> str | None:
    right = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", text)
    return None if right else "is not one word of letters, digits and . _ @ - (at most 64)"


def _channel(text: str) -> str | None:
    return None if re.fullmatch(r"[#@]?[^\s#@,{}]{1,80}", text) else "is not a channel"


def _count(text: str) -> str | None:
    return None if re.fullmatch(r"[1-9]\d{0,8}", text) else "is not a whole number above 0"


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
    "certificates": _certificates,
    "channel": _channel,
    "count": _count,
    "duration": _duration,
    "email": _email,
    "emails": _emails,
    "flag": _flag,
    "host": _host,
    "host_port": _host_port,
    "hosts": _hosts,
    "image": _image,
    "level": _level,
    "path": _text,
    "pattern": _pattern,
    "port": _port,
    "proxy_url": _proxy_url,
    "secret_url": _secret_url,
    "severities": _severities,
    "share": _share,
    "size": _size,
    "text": _text,
    "timezone": _timezone,
    "url": _url,
    "word": _word,
}
