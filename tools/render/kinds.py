"""What a setting may hold: one small function per kind, standard library only.

Each function takes the text and returns None when it is right, otherwise what is wrong with it,
worded so that it can follow the text ("'abc' is not a port number, 1 to 65535").
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.render import addresses

Kind = Callable[[str], "str | None"]

_DURATION = re.compile(r"(?:([0-9]+)(ms|[smhdwy]))")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_PATH_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:(?P<registry>[A-Za-z0-9.-]+(?::[0-9]+)?)/)?{_PATH_WORD}(?:/{_PATH_WORD})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
# What Go's time.Duration holds: Prometheus and Alertmanager refuse more.
_LONGEST_SECONDS = 290 * 31536000
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


def _hours(text: str) -> str | None:
    found = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text)
    if not found:
        return "is not a time of the day to another, such as 22:00-07:00"
    begin, end = text.split("-")
    return "begins when it ends" if begin == end else None


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
    "address": addresses.address,
    "agent_pattern": _agent_pattern,
    "base_url": addresses.base_url,
    "channel": _channel,
    "chat": _chat,
    "count": _count,
    "duration": _duration,
    "email": addresses.email,
    "emails": addresses.emails,
    "flag": _flag,
    "grafana_image": _grafana_image,
    "host": addresses.host,
    "host_port": addresses.host_port,
    "hosts": addresses.hosts,
    "hours": _hours,
    "image": _image,
    "level": _level,
    "path": _text,
    "pattern": _pattern,
    "port": addresses.port,
    "project": _project,
    "proxy": addresses.proxy,
    "secret_url": addresses.secret_url,
    "severities": _severities,
    "share": _share,
    "size": _size,
    "text": _text,
    "url": addresses.url,
    "word": _word,
    "zone": _zone,
}
