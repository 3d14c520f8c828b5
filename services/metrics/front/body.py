"""The body of a request, read whole before anybody works on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.metrics.front.asgi import Receive, Scope
from services.metrics.front.budget import Share

DRAIN_FACTOR = 4
"""How many times the limit is read and thrown away, so that the sender is there for the answer."""


class Gone(Exception):  # noqa: N818  (nobody did anything wrong)
    """The client has left, or took too long and was left."""


@dataclass(frozen=True)
class Body:
    """A body that has come in.

    Args:
        content: all of it, nothing when it was not taken.
        problem: the reason why it was not taken, one of :data:`services.metrics.errors.REASONS`.
    """

    content: bytes
    problem: str | None = None


NOT_READ = Body(b"")


async def read_body(scope: Scope, receive: Receive, share: Share, limit: int) -> Body:
    """Read a body.

    Args:
        scope: of the request.
        receive: of the request.
        share: memory for it.
        limit: most bytes.

    Raises:
        Gone: the client has left.
    """
    if _declared(scope) > DRAIN_FACTOR * limit:
        return Body(b"", "too_large")
    message = await _next(receive)
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(first) <= limit:
        return Body(first)
    pieces, size = [first], len(first)
    while size <= limit and message.get("more_body", False):
        if not share.grow_to(size):
            pieces.clear()
            await drain(receive, limit, message)
            return Body(b"", "busy")
        message = await _next(receive)
        piece: bytes = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
    if size <= limit:
        return Body(b"".join(pieces))
    pieces.clear()
    await drain(receive, DRAIN_FACTOR * limit, message)
    return Body(b"", "too_large")


def _declared(scope: Scope) -> int:
    """Return the header ``Content-Length``, which the server has checked; 0 without one."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


async def drain(receive: Receive, limit: int, message: dict[str, Any] | None = None) -> None:
    """Read the rest of a body and forget it, up to ``limit`` bytes.

    Raises:
        Gone: the client has left.
    """
    size = 0
    while size <= limit and (message is None or message.get("more_body", False)):
        message = await _next(receive)
        size += len(message.get("body", b""))


async def _next(receive: Receive) -> dict[str, Any]:
    message = await receive()
    if message["type"] != "http.request":
        raise Gone
    return message
