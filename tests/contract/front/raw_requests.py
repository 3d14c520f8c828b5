"""Requests as bytes, right and wrong in every way that somebody has thought of.

``@`` stands for the job, which is another one for each case. A line is added for each finding.
"""

from __future__ import annotations

BODY = b"# TYPE t_total counter\nt_total 7\n"
KNOWN = b"# TYPE t_total counter\nt_total 5\n"
"""What the job has pushed before, so that the fast path knows its lines."""

_PUT = b"PUT /metrics/job/@ HTTP/1.1\r\nHost: x\r\n"
_LENGTH = b"Content-Length: %d\r\n" % len(BODY)
_END = b"\r\n" + BODY


def _put(more: bytes, length: bytes = _LENGTH, end: bytes = _END) -> bytes:
    return _PUT + more + length + end


def _length(value: bytes) -> bytes:
    return _put(b"", b"Content-Length: " + value + b"\r\n")


def _chunked(chunks: bytes) -> bytes:
    return _put(b"", b"Transfer-Encoding: chunked\r\n", b"\r\n" + chunks)


def _path(path: bytes, version: bytes = b"HTTP/1.1", method: bytes = b"PUT") -> bytes:
    return method + b" " + path + b" " + version + b"\r\nHost: x\r\n" + _LENGTH + _END


def _value(value: bytes) -> bytes:
    body = b"# TYPE t_total counter\nt_total" + value + b"\n"
    return _put(b"", b"Content-Length: %d\r\n" % len(body), b"\r\n" + body)


_SIZE = b"%x\r\n" % len(BODY)
_N = b"%d" % len(BODY)

LENGTHS = {
    "length plain": _length(_N),
    "length in two headers alike": _put(_LENGTH),
    "length in two headers that differ": _put(b"Content-Length: 3\r\n"),
    "length twice in one header": _length(_N + b", " + _N),
    "length with a no-break space": _length(_N + b"\xa0"),
    "length with a plus": _length(b"+" + _N),
    "length with a minus": _length(b"-" + _N),
    "length with zeros": _length(b"000" + _N),
    "length in hexadecimal": _length(b"0x22"),
    "length with an underscore": _length(b"3_3"),
    "length in other digits": _length("٣٣".encode()),
    "length empty": _length(b""),
    "length with spaces round it": _length(b"  " + _N + b" \t"),
    "length that nobody can send": _length(b"9" * 30),
    "length and chunks": _put(_LENGTH, b"Transfer-Encoding: chunked\r\n"),
}
CHUNKS = {
    "chunks plain": _chunked(_SIZE + BODY + b"\r\n0\r\n\r\n"),
    "chunks with an extension": _chunked(b"%x;a=b\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"),
    "chunks with a trailer": _chunked(_SIZE + BODY + b"\r\n0\r\nX-T: 1\r\n\r\n"),
    "chunks two": _chunked(b"9\r\n" + BODY[:9] + b"\r\n%x\r\n" % (len(BODY) - 9) + BODY[9:]
                           + b"\r\n0\r\n\r\n"),
    "chunk size negative": _chunked(b"-5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size 0x": _chunked(b"0x5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size ZZ": _chunked(b"ZZ\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size empty": _chunked(b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size with a plus": _chunked(b"+5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size with an underscore": _chunked(b"1_0\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk without its end": _chunked(b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunks with bare line feeds": _chunked(b"%x\n" % len(BODY) + BODY + b"\n0\n\n"),
    "coding unknown": _put(b"Transfer-Encoding: xchunked\r\n"),
    "coding gzip": _put(b"Transfer-Encoding: gzip\r\n"),
    "coding identity": _put(b"Transfer-Encoding: identity\r\n"),
}  # fmt: skip
HEADERS = {
    "headers 90": _put(b"".join(b"X-%d: 1\r\n" % n for n in range(90))),
    "headers 150": _put(b"".join(b"X-%d: 1\r\n" % n for n in range(150))),
    "header of 8,000 letters": _put(b"X-A: " + b"a" * 8_000 + b"\r\n"),
    "header of 20,000 letters": _put(b"X-A: " + b"a" * 20_000 + b"\r\n"),
    "header with a control character": _put(b"X-A: a\x01b\r\n"),
    "header with a zero byte": _put(b"X-A: a\x00b\r\n"),
    "header with a delete character": _put(b"X-A: a\x7fb\r\n"),
    "header with a carriage return": _put(b"X-A: a\rb\r\n"),
    "header with a tab": _put(b"X-A: a\tb\r\n"),
    "header with Latin letters": _put(b"X-A: \xe9\r\n"),
    "header folded": _put(b"X-A: 1\r\n 2\r\n"),
    "header without a colon": _put(b"X-A\r\n"),
    "header without a name": _put(b": 1\r\n"),
    "header with a space before the colon": _put(b"X-A : 1\r\n"),
    "header with an underscore": _put(b"Dreamos_Final: 1\r\n"),
    "host twice": _put(b"Host: y\r\n"),
    "host missing": b"PUT /metrics/job/@ HTTP/1.1\r\n" + _LENGTH + _END,
    "type twice": _put(b"Content-Type: text/plain\r\nContent-Type: text/plain\r\n"),
    "type with a no-break space": _put(b"Content-Type: text/plain\xa0\r\n"),
    "encoding twice": _put(b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"),
    "encoding in capitals": _put(b"Content-Encoding: IDENTITY\r\n"),
    "encoding with a no-break space": _put(b"Content-Encoding: identity\xa0\r\n"),
    "encoding unknown": _put(b"Content-Encoding: br\r\n"),
    "encoding a lie": _put(b"Content-Encoding: gzip\r\n"),
    "sequence twice": _put(b"Dreamos-Sequence: 1\r\nDreamos-Sequence: 2\r\n"),
    "sequence with a no-break space": _put(b"Dreamos-Sequence: 5\xa0\r\n"),
    "sequence 0": _put(b"Dreamos-Sequence: 0\r\n"),
    "sequence empty": _put(b"Dreamos-Sequence:\r\n"),
    "time to live nan": _put(b"Dreamos-TTL: nan\r\n"),
    "time to live -1": _put(b"Dreamos-TTL: -1\r\n"),
    "time to live 1_0": _put(b"Dreamos-TTL: 1_0\r\n"),
    "time to live with a no-break space": _put(b"Dreamos-TTL: 10\xa0\r\n"),
    "final 2": _put(b"Dreamos-Final: 2\r\n"),
    "expectation": _put(b"Expect: nothing\r\n"),
    "upgrade": _put(b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
    "close": _put(b"Connection: close\r\n"),
    "foreign origin": _put(b"Origin: http://evil.example\r\n"),
    "own origin": _put(b"Origin: http://x\r\n"),
    "no origin": _put(b"Origin: null\r\n"),
    "foreign host": b"PUT /metrics/job/@ HTTP/1.1\r\nHost: evil.example\r\n" + _LENGTH + _END,
}
LINES = {
    "lines end in line feeds": b"PUT /metrics/job/@ HTTP/1.1\nHost: x\n" + _LENGTH[:-2] + b"\n\n" + BODY,
    "one line ends in a line feed": _PUT + b"X-A: 1\n" + _LENGTH + _END,
    "empty line in front": b"\r\n" + _put(b""),
    "version 1.0": _path(b"/metrics/job/@", b"HTTP/1.0"),
    "version 2.0": _path(b"/metrics/job/@", b"HTTP/2.0"),
    "version 1.15": _path(b"/metrics/job/@", b"HTTP/1.15"),
    "method in small letters": _path(b"/metrics/job/@", method=b"put"),
    "method unknown": _path(b"/metrics/job/@", method=b"BREW"),
    "path with a query": _path(b"/metrics/job/@?a=b"),
    "path with a fragment": _path(b"/metrics/job/@#b"),
    "path with a scheme": _path(b"http://x/metrics/job/@"),
    "path with a byte that is no letter": _path(b"/metrics/job/@\xe9"),
    "path in wrong UTF-8": _path(b"/metrics/job/@%ff"),
    "path with a slash that is encoded": _path(b"/metrics/job/@%2Fb"),
    "path with an empty part": _path(b"/metrics//job/@"),
    "path with dots": _path(b"/metrics/job/../job/@"),
    "path with /metrics twice": _path(b"/metrics/metrics/job/@"),
    "path without a job": _path(b"/metrics/agent/@"),
    "path that is long": _path(b"/metrics/job/@" + b"a" * 9_000),
    "path with a space": _path(b"/metrics/job/@ b"),
}  # fmt: skip
VALUES = {
    f"value {value!r}": _value(value)
    for value in (
        b" 7", b"  7", b"\t7", b" 7 ", b" 7\t", b" 7.", b" .7", b" 7e0", b" 7E+0", b" 7e", b" +7",
        b" --7", b" 0x7", b" 0x1p3", b" 7_0", b" 1e400", b" NaN", b" +NaN", b" -NaN", b" nan",
        b" Inf", b" +Inf", b" -Inf", b" inf", b" infinity", b" -7", b" -0", b"", b" ", b" 7 8 9",
        b" 7 1700000000000", b" 7\r", b" 7\x00", " \uff17".encode(), b" 7\xa0", b"7", b" 7f", b" true",
    )
}  # fmt: skip

ALL = {**LENGTHS, **CHUNKS, **HEADERS, **LINES, **VALUES}
