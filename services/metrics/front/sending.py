"""Sends answers in parts, so that the event loop serves others in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from services.metrics.front.asgi import Answer, Send

PART_BYTES = 262_144
"""What is copied and written at once: some 50 µs. A server may keep what it was given, and the next
scrape changes the memory that this one stands in, so it is a copy; the whole of it at once would be
7 MB of new memory, whose page faults cost more than everything else."""
TURN_BYTES = 1024 * 1024
"""After so many bytes others get their turn, also when the client reads as fast as it is sent."""


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer; returns when the server has taken all of it."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    since_turn = 0
    for part in parts(answer.pieces):
        await send({"type": "http.response.body", "body": part, "more_body": True})
        since_turn += len(part)
        if since_turn >= TURN_BYTES:
            since_turn = 0
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


def parts(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Join and cut pieces into parts of about :data:`PART_BYTES`; each is a copy."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        if len(piece) > PART_BYTES:
            if waiting:
                yield b"".join(waiting)
                waiting, size = [], 0
            view = memoryview(piece)
            for at in range(0, len(piece), PART_BYTES):
                yield bytes(view[at : at + PART_BYTES])
            continue
        waiting.append(piece)
        size += len(piece)
        if size >= PART_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
