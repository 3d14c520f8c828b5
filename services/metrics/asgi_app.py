"""The ASGI application in front: known pushes and scrapes are answered here, the rest by Flask."""

from __future__ import annotations

from services.metrics.fastpath.push import PushPath
from services.metrics.fastpath.scrape import ScrapePath
from services.metrics.front.asgi import Answer, Receive, Scope, Send
from services.metrics.front.body import NOT_READ, Body, Gone, drain, read_body
from services.metrics.front.budget import ByteBudget, Share
from services.metrics.front.connections import Connection, ConnectionTable, Phase
from services.metrics.front.ordinary import OrdinaryPath
from services.metrics.front.sending import send_answer

UNWANTED_BYTES = 1024 * 1024
"""Bytes of a body that nobody wants, which are read so that the sender is there for the answer."""


class Front:
    """The application that gunicorn's worker serves.

    Args:
        ordinary: answers every request.
        pushes: answers pushes whose lines are known.
        scrapes: answers scrapes.
        connections: all there are.
        bodies: memory that bodies hold together.
        answers: memory that answers hold together.
        max_body: most bytes of a body.
    """

    def __init__(
        self,
        ordinary: OrdinaryPath,
        pushes: PushPath,
        scrapes: ScrapePath,
        connections: ConnectionTable,
        bodies: ByteBudget,
        answers: ByteBudget,
        max_body: int,
    ) -> None:
        self.connections = connections
        self._ordinary = ordinary
        self._pushes = pushes
        self._scrapes = scrapes
        self._bodies = bodies
        self._answers = answers
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            return
        connection = self.connections.of(scope["client"])
        if connection is None:  # closed between its last byte and now
            return
        self.connections.busy(connection)
        try:
            with self._bodies.share(connection.address) as share:
                await self._serve(scope, receive, send, connection, share)
        except Gone:
            pass
        finally:
            connection.done()

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, connection: Connection, share: Share
    ) -> None:
        head = self._pushes.head(scope)
        if head is not None:
            body = await read_body(scope, receive, share, self._max_body)
            answer = self._pushes.answer(head, body.content) if body.problem is None else None
            if answer is not None:
                connection.enter(Phase.ANSWER)
                await send_answer(send, answer)
                return
        else:
            wanted = self._scrapes.wanted(scope)
            if wanted is not None:
                await drain(receive, 0)
                connection.enter(Phase.WORK)
                body_shown, headers = await self._scrapes.render(*wanted)
                with body_shown:
                    answer = Answer(200, headers, body_shown.pieces)
                    await self._send(answer, send, connection)
                return
            body = await self._body(scope, receive, share)
        connection.enter(Phase.WORK)
        made = await self._ordinary.answer(scope, body)
        share.let_go()
        await self._send(made, send, connection)

    async def _body(self, scope: Scope, receive: Receive, share: Share) -> Body:
        if self._ordinary.takes_body(scope):
            return await read_body(scope, receive, share, self._max_body)
        await drain(receive, UNWANTED_BYTES)
        return NOT_READ

    async def _send(self, answer: Answer, send: Send, connection: Connection) -> None:
        connection.enter(Phase.ANSWER)
        with self._answers.share(connection.address) as share:
            if not share.grow_to(sum(len(piece) for piece in answer.pieces)):
                answer = BUSY
            await send_answer(send, answer)


_BUSY_TEXT = b"busy: too many answers wait to be read; ask again\n"
BUSY = Answer(
    503,
    [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(_BUSY_TEXT)),
        (b"retry-after", b"5"),
    ],
    (_BUSY_TEXT,),
)
