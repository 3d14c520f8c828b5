"""Senders: threads with a connection each, whose own cost is as small as it can be."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass

from benchmarks.service.bodies import Rising
from benchmarks.service.peers import Peer


@dataclass
class Load:
    """What is sent.

    Args:
        samples: of one push.
        form: ``text`` or ``compact``.
        incarnation: push as an agent of ours does; else as a plain group.
        senders: how many at once.
        seconds: for how long.
    """

    samples: int
    form: str
    incarnation: bool
    senders: int = 32
    seconds: float = 3.0


class Sender(threading.Thread):
    """One keep-alive connection that pushes as fast as it is answered."""

    def __init__(self, peer: Peer, load: Load, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._load, self._stop_event = load, stop
        self._socket = socket.create_connection(("127.0.0.1", peer.port), timeout=60)
        self._path = f"/metrics/job/bench/agent/A{number:03d}"
        if load.incarnation:
            self._path += "/incarnation/p1"
        self._sequence = 0
        self._kind = "text/plain; version=0.0.4"
        bodies = Rising(load.samples, number)
        self._next = bodies.text
        self._extra = ""
        self.pushes = 0
        self._learn(bodies)

    def _learn(self, bodies: Rising) -> None:
        answer = self._push(self._next())
        if self._load.form == "compact":
            name = (
                answer.lower().partition(b"dreamos-series-list: ")[2].partition(b"\r\n")[0].decode()
            )
            self._kind = "application/vnd.dreamos.values"
            self._extra = f"Dreamos-Series-List: {name}\r\n"
            self._next = bodies.compact

    def _push(self, body: bytes) -> bytes:
        self._sequence += 1
        head = (
            f"PUT {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {self._kind}\r\n"
            f"{self._extra}Dreamos-Sequence: {self._sequence}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        answer = self._socket.recv(65536)
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise RuntimeError(answer[:300].decode(errors="replace"))
        return answer

    def run(self) -> None:
        """Push until it is told to stop."""
        while not self._stop_event.is_set():
            self._push(self._next())
            self.pushes += 1
        self._socket.close()


def measure(peer: Peer, load: Load) -> float:
    """Return the samples that ``peer`` takes per second of its own CPU time, in steady state."""
    stop = threading.Event()
    senders = [Sender(peer, load, number, stop) for number in range(load.senders)]
    for sender in senders:
        sender.start()
    time.sleep(0.5)
    before, pushed = peer.cpu(), sum(sender.pushes for sender in senders)
    time.sleep(load.seconds)
    used, pushed = peer.cpu() - before, sum(sender.pushes for sender in senders) - pushed
    stop.set()
    for sender in senders:
        sender.join(60)
    return pushed * load.samples / used
