"""Addresses as settings hold them: ports, machines, URLs, proxies, mail. Standard library only.

Each function takes the text and returns None when it is right, otherwise what is wrong with it.
"""

from __future__ import annotations

import ipaddress
import re
from email.utils import formataddr
from urllib.parse import urlsplit

_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_EMAIL = re.compile(r"[^\s@<>,;:{}\"]+@([^\s@<>,;:{}\"]+)")
# A name in front of an address, in quotes where it holds a comma or the like.
_NAMED = re.compile(r'(?P<name>"[^"\\]*"|[^"\\<>,;:@()\[\]{}]*?)\s*<(?P<address>[^<>]*)>')
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_ESCAPED = re.compile(r"%(?![0-9A-Fa-f]{2})")


def port(text: str) -> str | None:
    """Judge a port number."""
    right = re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) <= 65535
    return None if right else "is not a port number, 1 to 65535"


def address(text: str) -> str | None:
    """Judge an IP address that ports can be opened on."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return "is not an IP address"
    if found.is_multicast or getattr(found, "scope_id", None):
        return "is not an IP address that ports can be opened on"
    return None


def host(text: str) -> str | None:
    """Judge the name of a machine."""
    return None if _HOST.fullmatch(text) else "is not the name of a machine"


def host_port(text: str) -> str | None:
    """Judge a machine and its port."""
    name, colon, number = text.rpartition(":")
    if not colon:
        return "has no port"
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else None
    wrong = address(bare) if bare is not None else host(name)
    return wrong or (port(number) and "has a port that is not a number from 1 to 65535")


def url(text: str) -> str | None:
    """Judge an address that everybody may see."""
    return _web_address(text) or _no_password(text)


def secret_url(text: str) -> str | None:
    """Judge an address that only a secret file holds: there a password may be."""
    return _web_address(text)


def base_url(text: str) -> str | None:
    """Judge an address below which a part serves: its path becomes that of the part's pages."""
    if wrong := url(text):
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
        return address(name) is None
    return all(re.fullmatch(r"[\w-]+", part) for part in name.removesuffix(".").split("."))


def _no_password(text: str) -> str | None:
    held = urlsplit(text).password is not None
    return "holds a password, which belongs into a file" if held else None


def proxy(text: str) -> str | None:
    """Judge the address of a proxy."""
    if wrong := url(text):
        return wrong
    return None if urlsplit(text).path in {"", "/"} else "has a path, which a proxy has not"


def hosts(text: str) -> str | None:
    """Judge what is reached without a proxy: names, .domains, addresses, networks, ports."""
    for part in (part.strip() for part in text.split(",")):
        if part != "*" and not re.fullmatch(r"\.?[A-Za-z0-9_:\[\]][A-Za-z0-9_.:\[\]/-]*", part):
            return f"is wrong at {part!r}, which is neither a host nor a network"
    return None


def mailboxes(text: str) -> list[str]:
    """Return the addresses in a list with commas, each with its name as it was written."""
    return [part.strip() for part in _COMMA.split(text)]


def written(text: str) -> list[str]:
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


def email(text: str) -> str | None:
    """Judge one mail address, with or without a name."""
    named = _NAMED.fullmatch(text)
    found = _EMAIL.fullmatch(named["address"] if named else text)
    return None if found and _HOST.fullmatch(found[1]) else "is not an email address"


def emails(text: str) -> str | None:
    """Judge mail addresses with commas between."""
    for part in mailboxes(text):
        if wrong := email(part):
            return f"is wrong at {part!r}, which {wrong}"
    return None
