"""The headers of a request, as far as the fast path looks at them."""

from __future__ import annotations

from collections.abc import Iterable


def pick(
    headers: Iterable[tuple[bytes, bytes]], known: frozenset[bytes], unusual: frozenset[bytes]
) -> dict[bytes, str] | None:
    """Return the headers that are known, by name.

    Args:
        headers: of an ASGI scope, names in lower case.
        known: names of those that are returned.
        unusual: names of those that the ordinary path has to see.

    Returns:
        None when there is an unusual one, or a known one twice.
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name in known:
            if name in found:
                return None
            found[name] = value.decode("latin-1")
        elif name in unusual:
            return None
    return found
