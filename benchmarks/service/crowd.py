"""A crowd: connections that push, idle ones, slow ones, and an agent without measure, all at once.

Everything stays on the loopback interface and ends with the benchmark. What is measured are the
pushes and scrapes of others beside it, and the memory of the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
import resource
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.service.bodies import Rising
from benchmarks.service.peers import Peer
from benchmarks.service.scrapes import Agents, Waits, flood, pushes_of, scrapes_of
from tools.waiting import WaitedInVainError, eventually

OTHERS = 20
"""Agents whose pushes and scrapes are measured; 1,000 samples each."""
SCRAPES = 30
SETTLE_SECONDS = 90
"""How long is waited at most until the crowd is there."""
COUNT_SECONDS = 10.0
"""How long pushes are counted."""
SPREAD_SECONDS = 25.0
"""Time within which the crowd comes; faster, and its own process does not keep up."""


@dataclass(frozen=True)
class Crowd:
    """Who is there beside the others.

    Args:
        pushing: kept connections that push :attr:`samples` every :attr:`pause` seconds.
        idle: connections that asked once and are kept.
        slow: connections that send one letter a second, half of them in the head.
        flooding: an agent that pushes a million series, over and over.
    """

    pushing: int = 2_000
    idle: int = 10_000
    slow: int = 300
    flooding: bool = True
    samples: int = 50
    pause: float = 5.0


def raise_file_limit(wanted: int = 40_000) -> None:
    """Let this process and those that it starts have as many connections as they need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@dataclass
class Beside:
    """What was seen beside the crowd.

    Args:
        waits: the times of others alone and beside it.
        memory: resident bytes of the service.
        connections: at once.
        closed: connections that the service closed, by reason.
        pushes: that the service took in a second, of all.
        cores: processors that the service used.
    """

    waits: Waits
    memory: int
    connections: int
    closed: dict[str, int]
    pushes: float
    cores: float


def measure(peer: Peer, crowd: Crowd) -> Beside:
    """Measure pushes and scrapes of others alone, and beside the crowd."""
    agents = Agents(peer, OTHERS)
    agents.push_all()
    push_alone, scrape_alone = pushes_of(agents), scrapes_of(peer, agents, SCRAPES)
    with _beside(_attend, peer.port, crowd), contextlib.ExitStack() as stack:
        if crowd.flooding:
            stack.enter_context(_beside(flood, peer.port))
        _settle(peer, agents, crowd)
        push_beside, scrape_beside = pushes_of(agents), scrapes_of(peer, agents, SCRAPES)
        memory = peer.memory()
        taken, used, began = _pushes(peer), peer.cpu(), time.monotonic()
        time.sleep(COUNT_SECONDS)
        used, seconds = peer.cpu() - used, time.monotonic() - began
        return Beside(
            Waits(push_alone, push_beside, scrape_alone, scrape_beside),
            memory,
            int(_figures(peer, "dreamos_connections")[""]),
            {key: int(n) for key, n in _figures(peer, "dreamos_connections_closed_total").items()},
            (_pushes(peer) - taken) / (time.monotonic() - began),
            used / seconds,
        )


def _settle(peer: Peer, agents: Agents, crowd: Crowd) -> None:
    """Wait until the whole crowd is there; the others go on pushing, as agents do."""
    wanted = 0.98 * (crowd.pushing + crowd.idle + crowd.slow)

    def all_there() -> bool:
        agents.push_all()
        return peer.connections() >= wanted

    with contextlib.suppress(WaitedInVainError):  # the table says how many came
        eventually(all_there, within=SETTLE_SECONDS, every=1.0)


def _pushes(peer: Peer) -> float:
    return sum(_figures(peer, "dreamos_ingest_pushes_total").values())


def _figures(peer: Peer, name: str) -> dict[str, float]:
    """Return what the service says of one of its families, by the value of its only label."""
    pattern = re.compile(rf'^{name}(?:{{\w+="(\w+)"}})? (\S+)$', re.MULTILINE)
    _, text = peer.get("/metrics", Accept="text/plain")
    return {label: float(value) for label, value in pattern.findall(text.decode())}


@contextlib.contextmanager
def _beside(work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work, args=arguments, daemon=True)
    process.start()
    try:
        yield
        if not process.is_alive():
            raise RuntimeError("what was to go on beside has ended")
    finally:
        process.kill()
        process.join()


def _attend(port: int, crowd: Crowd) -> None:
    raise_file_limit()
    asyncio.run(_gather(port, crowd))


async def _gather(port: int, crowd: Crowd) -> None:
    bodies = Rising(crowd.samples, 0)
    tasks: list[Coroutine[Any, Any, None]] = []
    tasks += [_again(_idle, port, number) for number in range(crowd.idle)]
    tasks += [_again(_slow, port, number) for number in range(crowd.slow)]
    tasks += [_again(_push, port, number, bodies, crowd.pause) for number in range(crowd.pushing)]
    await asyncio.gather(*tasks)


async def _again(work: Callable[..., Coroutine[Any, Any, None]], port: int, *rest: Any) -> None:
    """Do it over and over, each time on a new connection."""
    await asyncio.sleep(rest[0] % 1_000 * SPREAD_SECONDS / 1_000)
    while True:
        writer = None
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await work(reader, writer, *rest)
        if writer is not None:
            writer.close()
        await asyncio.sleep(1.0)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or b"0"))


async def _idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
    await _ask(reader, writer, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.read(1)  # until the service closes it


async def _slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    head = b"PUT /metrics/job/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    if number % 2:
        writer.write(head)
    for letter in head * 100:
        writer.write(bytes((letter,)))
        await writer.drain()
        await asyncio.sleep(1.0)


async def _push(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    number: int,
    bodies: Rising,
    pause: float,
) -> None:
    while True:
        body = bodies.text()
        head = (
            f"PUT /metrics/job/crowd/agent/C{number:04d}/incarnation/p HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        await _ask(reader, writer, head.encode() + body)
        await asyncio.sleep(pause)
