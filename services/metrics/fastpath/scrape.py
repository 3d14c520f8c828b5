"""A scrape without compression, on a connection that is known already: Prometheus' own."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from services.metrics.exposition.negotiate import CONTENT_TYPES, choose, takes_gzip
from services.metrics.fastpath.head import Answers, Head, Unusual
from services.metrics.service import Service

PATIENCE = 30
"""Seconds after which a reader that takes nothing more is left."""
AT_ONCE = 512
"""Pieces that are sent in one call; systems take at least 1,024."""
_PATIENCE = struct.pack("ll", PATIENCE, 0)


class ScrapeLane:
    """Answers scrapes, in a thread: what is rendered is sent from where it stands.

    Args:
        service: what is shown.
        answers: writes heads.
    """

    def __init__(self, service: Service, answers: Answers) -> None:
        self._service = service
        self._answers = answers

    def answer(self, head: Head, to: socket.socket) -> None:
        """Send the answer.

        Args:
            head: of the request.
            to: a blocking socket without a timeout.

        Raises:
            Unusual: the route has to take it; nothing was sent.
            OSError: the reader is gone, or has taken nothing for :data:`PATIENCE`.
        """
        headers = head.headers
        if not self._service.access.admits("read", headers.get("authorization")):
            raise Unusual
        if takes_gzip(headers.get("accept-encoding")):
            raise Unusual
        form = choose(headers.get("accept"))
        # One call sends all of it while the interpreter serves others; a timeout of Python's own
        # would make it a call for every piece that the reader takes.
        to.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
        with self._service.exposition.render(form) as body:
            vary = b"Vary: Accept, Accept-Encoding\r\n"
            to.sendall(self._answers.head(CONTENT_TYPES[form], body.size, vary))
            _send(to, body.pieces)


def _send(to: socket.socket, pieces: Sequence[bytes | memoryview]) -> None:
    """Send pieces, many in one call."""
    for first in range(0, len(pieces), AT_ONCE):
        some = pieces[first : first + AT_ONCE]
        sent = to.sendmsg(some)
        for piece in some:  # what one call did not take, because the reader was slow
            if sent < len(piece):
                to.sendall(memoryview(piece)[sent:])
            sent = max(0, sent - len(piece))
