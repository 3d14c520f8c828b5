"""The lines of a body; what a whole body that is wrong most often is, by its name."""

from __future__ import annotations

from services.metrics.errors import Rejected

_MARKS = {
    b"\xef\xbb\xbf": "a byte order mark; save it as UTF-8 without one",
    b"\xff\xfe": "the mark of UTF-16; send UTF-8",
    b"\xfe\xff": "the mark of UTF-16; send UTF-8",
}


def split_lines(body: bytes, openmetrics: bool) -> list[bytes]:
    """Cut a body into lines.

    Raises:
        Rejected: ``parse`` or ``utf8``: it does not end as the format has it, or is in another
            encoding.
    """
    for mark, what in _MARKS.items():
        if body.startswith(mark):
            raise Rejected("utf8", f"the body begins with {what}", 1)
    if body[1:2] == b"\x00" or body[:1] == b"\x00":
        raise Rejected("utf8", "the body looks like UTF-16; send UTF-8", 1)
    lines = body.split(b"\n")
    return _openmetrics(lines) if openmetrics else _text(lines)


def _openmetrics(lines: list[bytes]) -> list[bytes]:
    if lines[-1] == b"":
        lines.pop()
    if not lines or lines[-1] != b"# EOF":
        what = "OpenMetrics must end with # EOF"
        if lines and lines[-1] == b"# EOF\r":
            what = "the lines end as in Windows (CR LF); end them with LF"
        raise Rejected("parse", what, max(1, len(lines)))
    if b"# EOF" in lines[:-1]:
        raise Rejected("parse", "there are lines after # EOF", lines.index(b"# EOF") + 2)
    return lines


def _text(lines: list[bytes]) -> list[bytes]:
    if lines.pop() != b"":
        what = "the last line does not end with a newline"
        if not lines:
            what += "; curl -d takes newlines out, --data-binary does not"
        raise Rejected("parse", what, len(lines) + 1)
    return lines
