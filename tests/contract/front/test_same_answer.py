"""The fast path, the ordinary path and the Pushgateway are asked the same, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.front.raw_requests import ALL, KNOWN
from tests.contract.front.witnesses import Told, ask, gateway, ours, pushgateway, status

STRICTER = {
    # Go's parser takes these. Each is a way to smuggle a request through a proxy that takes them
    # for something else, or a line that only another program's fault can make.
    "lines end in line feeds", "one line ends in a line feed", "chunks with bare line feeds",
    "length empty", "length in two headers alike", "length and chunks", "header folded",
    "type twice", "version 1.15", "path with a byte that is no letter",
    "header with a control character", "header with a delete character", "method unknown",
    "header without a name", "path in wrong UTF-8",
    # It takes what came before the chunk that is wrong.
    "chunk size negative", "chunk size 0x", "chunk size ZZ", "chunk size empty",
    "chunk size with a plus", "chunk size with an underscore",
    # What only ours reads.
    "encoding twice", "encoding unknown", "sequence twice", "sequence with a no-break space",
    "sequence 0", "sequence empty", "time to live nan", "time to live -1", "time to live 1_0",
    "time to live with a no-break space", "final 2", "foreign origin", "no origin", "foreign host",
    "type with a no-break space", "encoding with a no-break space", "encoding a lie",
    # Limits.
    "header of 20,000 letters", "headers 150", "path that is long",
    # Counters are finite and not negative, and no sample has a timestamp.
    "value b' -7'", "value b' NaN'", "value b' +NaN'", "value b' -NaN'", "value b' nan'",
    "value b' Inf'", "value b' +Inf'", "value b' -Inf'", "value b' inf'", "value b' infinity'",
    "value b' 1e400'", "value b' 7 1700000000000'",
}  # fmt: skip
"""Cases that the Pushgateway takes and the service refuses, with the reason."""
WIDER = {
    "host missing",  # without a name in it, nothing depends on the name
    "expectation",
    "empty line in front",  # RFC 9112 asks for it
    "path with a slash that is encoded",  # it belongs to the value, as docs/protocol.md says
    "value b' 7 '", "value b' 7\\t'",  # blanks at the end of a line
}  # fmt: skip
"""Cases that the service takes and the Pushgateway refuses."""


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with ours(tmp_path_factory.mktemp("fast"), fast=True) as port:
        yield port


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with ours(tmp_path_factory.mktemp("ordinary"), fast=False) as port:
        yield port


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if pushgateway() is None:
        pytest.skip("the Pushgateway is not installed (Debian: prometheus-pushgateway)")
    with gateway(tmp_path_factory.mktemp("gateway")) as port:
        yield port


def put(job: str, body: bytes) -> bytes:
    head = f"PUT /metrics/job/{job} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def tell(port: int, job: str, raw: bytes) -> tuple[Told | None, bytes]:
    """Push what is known, then the case; return its answer and what is shown afterwards."""
    for _ in range(2):
        known = ask(port, put(job, KNOWN))
        assert known is not None
        assert 200 == known.status
    answer = ask(port, raw.replace(b"@", job.encode()))
    page = ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert page is not None
    wanted = b'job="%s"' % job.encode()
    rows = [row for row in page.body.splitlines() if wanted in row and b"time_seconds" not in row]
    return answer, b"\n".join(rows)


@pytest.mark.parametrize("name", ALL)
def test_both_paths_give_the_same_answer_to_the_same_bytes(
    fast: int, ordinary: int, name: str
) -> None:
    job = f"case{list(ALL).index(name)}"
    told, shown = tell(ordinary, job, ALL[name])
    assert (told, shown) == tell(fast, job, ALL[name])
    assert told is not None
    assert told.status < 500 or told.status == 501


@pytest.mark.parametrize("name", ALL)
def test_the_pushgateway_agrees_or_the_difference_has_a_reason(
    fast: int, witness: int, name: str
) -> None:
    job = f"gateway{list(ALL).index(name)}"
    raw = ALL[name].replace(b"@", job.encode())
    mine, theirs = status(fast, raw), status(witness, raw)
    assert mine is not None
    if mine < 300:
        assert theirs is not None
        assert theirs < 300 or name in WIDER
    elif theirs is not None and theirs < 300:
        assert name in STRICTER, mine
