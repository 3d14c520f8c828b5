"""Which ``Host`` and ``Origin`` a request may name where no token is asked for.

A page of any web site can make the browser of a person who works here send requests to this
service. It cannot make it send a token; but without tokens only these two headers tell.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urlsplit

from services.metrics.errors import Rejected

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")


@lru_cache(maxsize=1024)
def host_allowed(host: str | None, allowed: str) -> bool:
    """Tell whether ``host`` is a name that no web site can have.

    Such are addresses, ``localhost``, and names without a dot (those of containers and of machines
    in one's own network). A name with a dot may be one that leads here only since a moment ago.

    Args:
        host: the header ``Host``; None when there is none, which no browser does.
        allowed: further names, separated by commas.
    """
    if host is None:
        return True
    name = _name(host)
    if not name:
        return False
    if name in {part.strip().lower() for part in allowed.split(",")} or _is_address(name):
        return True
    return ":" not in name and ("." not in name or name.endswith(".localhost"))


def check_origin(host: str | None, origin: str | None, allowed: str) -> None:
    """Refuse what a foreign page sends.

    Args:
        host: the header ``Host``.
        origin: the header ``Origin``.
        allowed: further names of this service, separated by commas.

    Raises:
        Rejected: ``origin``.
    """
    if not host_allowed(host, allowed):
        raise Rejected(
            "origin",
            "the host name of this request is not one of the service; use its address, name it "
            "in METRICS_ALLOWED_HOSTS, or configure tokens",
        )
    if origin is not None and (host is None or _origin_host(origin) != host.strip().lower()):
        raise Rejected("origin", "a page of another origin may not use this service")


def _name(host: str) -> str:
    """Return the name without the port; nothing when it has another form."""
    found = _HOST.fullmatch(host.strip(" \t").lower())
    return (found[1] or found[2]) if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _origin_host(origin: str) -> str:
    try:
        return urlsplit(origin.strip()).netloc.lower()
    except ValueError:
        return ""
