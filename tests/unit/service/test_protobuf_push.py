"""A push in protocol buffers says what the same push in text says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.errors import Rejected
from services.metrics.exposition.messages import sized, varint
from services.metrics.parsing.protobuf import to_text
from services.metrics.parsing.text import parse
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings
from tests.unit.service.protobuf_reader import read

BODY = b"""\
# HELP c_total Two \\n lines.
# TYPE c_total counter
c_total{x="q\\"uote \\\\ \\n"} 3
# TYPE c_created gauge
c_created{x="q\\"uote \\\\ \\n"} 1700000000.5
# TYPE g gauge
g -0.125
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 2
h_sum 1.5
h_count 2
# TYPE s summary
s{quantile="0.5"} NaN
s_sum 1
s_count 4
u 7
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path))
    yield made
    made.stop()


def test_what_the_service_shows_can_be_pushed_to_it_again(service: Service) -> None:
    service.store.push(Push(parse_path("/metrics/job/one"), BODY, replace=True))
    shown = service.exposition.render("protobuf").take()
    again = to_text(shown)
    mine = b"\n".join(
        line for line in again.split(b"\n") if b"dreamos_" not in line and b"push_" not in line
    )
    parsed = parse(mine, False)
    names = {family.name: family.type for family in parsed.series.families}
    assert ("counter", "gauge", "histogram", "summary", "unknown") == tuple(
        names[name] for name in ("c_total", "g", "h", "s", "u")
    )
    service.store.delete(parse_path("/metrics/job/one"))
    service.store.push(Push(parse_path("/metrics/job/one"), mine, replace=True))
    assert _pushed(shown) == _pushed(service.exposition.render("protobuf").take())


def _pushed(body: bytes) -> list[dict[Any, str]]:
    """Return types, samples and beginnings of what was pushed, without the service's own."""
    tables: list[dict[Any, Any]] = [*read(body)]
    return [
        {key: repr(value) for key, value in table.items() if not _own(str(key))} for table in tables
    ]


def _own(key: str) -> bool:
    return "dreamos_" in key or "push_" in key


def family(name: bytes, kind: int, *metrics: bytes) -> bytes:
    content = sized(b"\x0a", name) + b"\x18" + varint(kind)
    content += b"".join(sized(b"\x22", metric) for metric in metrics)
    return varint(len(content)) + content


GAUGE = sized(b"\x12", b"\x09" + bytes(8))


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("parse", b"\x05abc"),
        ("parse", b"\xff" * 12),
        ("parse", family(b"a-b", 1, GAUGE)),
        ("parse", family(b"a", 1, GAUGE[:-2])),
        ("parse", family(b"a", 1, sized(b"\x12", b"\x0b"))),
        ("parse", family(b"", 1, GAUGE)),
        ("utf8", family(b"\xff", 1, GAUGE)),
        ("type", family(b"a", 9, GAUGE)),
        ("type", family(b"a", 0, GAUGE)),
        ("timestamp", family(b"a", 1, GAUGE + b"\x30\x01")),
    ],
)
def test_what_is_wrong_is_refused(reason: str, body: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        to_text(body)
    assert reason == caught.value.reason


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_taken_or_refused(body: bytes) -> None:
    for candidate in (body, varint(len(body)) + body, family(b"a", 4, body)):
        try:
            text = to_text(candidate)
        except Rejected:
            continue
        assert text == b"" or text.endswith(b"\n")
