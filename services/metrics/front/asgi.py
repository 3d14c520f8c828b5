"""Types of the ASGI interface, as far as the front uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """An answer that is made and not yet sent.

    Args:
        status: of HTTP.
        headers: names in lower case.
        pieces: the body.
    """

    status: int
    headers: Headers
    pieces: Iterable[bytes | memoryview] = field(default_factory=tuple)
