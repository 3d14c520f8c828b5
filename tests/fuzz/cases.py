"""Arbitrary requests, and pushes whose totals are known."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.contract.malformed import CORPUS, FINE, OM, TEXT
from tests.unit.service.client_model import COUNTER, HISTOGRAM, MetricFamily, delimited

PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
VALUES = "application/vnd.dreamos.values"
BOUNDS = (1.0, 5.0)


@dataclass(frozen=True)
class Request:
    """Anything that somebody may send."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def as_json(self) -> dict[str, Any]:
        body = base64.b64encode(self.body).decode()
        return {"send": [self.method, self.path, self.headers, body]}


@dataclass(frozen=True)
class Count:
    """A push of a process: how much it adds, in which form, with what beside it."""

    agent: str
    incarnation: str
    more: int
    seen: tuple[int, ...]
    """Observations in each bucket, the one for +Inf at the end."""
    form: str
    poison: str = ""
    final: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"count": list(vars(self).values())}


@dataclass
class Process:
    """What a process has counted so far."""

    total: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


Step = Request | Count


def step_of(found: dict[str, Any]) -> Step:
    """Read what ``as_json`` wrote."""
    if "send" in found:
        method, path, headers, body = found["send"]
        return Request(method, path, headers, base64.b64decode(body))
    agent, incarnation, more, seen, form, poison, final = found["count"]
    return Count(agent, incarnation, more, tuple(seen), form, poison, final)


def body_of(process: Process, form: str, poison: str) -> tuple[bytes, dict[str, str]]:
    """Write what a process has counted, in one of the forms; return the headers too."""
    headers = {"Content-Type": {"openmetrics": OM, "protobuf": PROTOBUF}.get(form, TEXT)}
    if form == "protobuf":
        return _message(process), headers
    total, below = process.total, 0
    buckets = []
    for bound, held in zip(("1.0", "5.0", "+Inf"), process.buckets, strict=True):
        below += held
        buckets.append(f'oracle_seconds_bucket{{le="{bound}"}} {below}')
    tail = [f"oracle_seconds_sum {below}", f"oracle_seconds_count {below}"]
    name = "oracle" if form == "openmetrics" else "oracle_total"
    counter = [f"# TYPE {name} counter", f'oracle_total{{k="a"}} {total}', 'oracle_total{k="b"} 1']
    lines = [*counter, "# TYPE oracle_seconds histogram", *buckets, *tail]
    if form == "loose":
        lines = [
            "#TYPE\toracle_total  COUNTER", "# TYPE oracle_seconds\tHistogram", counter[1],
            *buckets[:1], "  " + counter[2], *reversed(tail), *reversed(buckets[1:]),
        ]  # fmt: skip
    body = "".join(line + "\n" for line in lines) + poison
    if form == "openmetrics":
        body += "# EOF\n"
    if form == "gzip":
        return gzip.compress(body.encode(), mtime=0), {**headers, "Content-Encoding": "gzip"}
    return body.encode(), headers


def _message(process: Process) -> bytes:
    below = 0
    buckets = []
    for bound, held in zip((*BOUNDS, float("inf")), process.buckets, strict=True):
        below += held
        buckets.append({"cumulative_count": below, "upper_bound": bound})
    counters = [
        {"label": [{"name": "k", "value": key}], "counter": {"value": value}}
        for key, value in (("a", process.total), ("b", 1))
    ]
    histogram = {"sample_count": below, "sample_sum": below, "bucket": buckets}
    return delimited([
        MetricFamily(name="oracle_total", type=COUNTER, metric=counters),
        MetricFamily(name="oracle_seconds", type=HISTOGRAM, metric=[{"histogram": histogram}]),
    ])  # fmt: skip


SEEDS = [bad.body.encode() if isinstance(bad.body, str) else bad.body for bad in CORPUS]
SEEDS += [body.encode() for _, body, _ in FINE] + [_message(Process(3, [1, 0, 2]))]
PIECES = [
    b"\n", b" ", b"\t", b"{", b"}", b'"', b"\\", b",", b"=", b"#", b"# EOF\n", b"# TYPE a counter\n",
    b"# HELP a ", b"_total", b"_bucket", b"_created", b'le="+Inf"', b"NaN", b"+Inf", b"1e400", b"a",
    b"\xff", b"\xc3", b"\x00", b"\r", b" # {} 1", b'{x="y"} 1\n', b"1.5", b"-", b"oracle_seconds 1\n",
    b"# dreamos:aggregate a max\n", b"# TYPE a histogram\n", b"_count 1\n", b"\x12\x09", b"\x22\x00",
]  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Content-Encoding", "Dreamos-Sequence", "Dreamos-TTL", "Dreamos-Final",
         "Dreamos-Uncertain", "Dreamos-Series-List", "Accept", "Accept-Encoding"]
    ),
    st.one_of(
        st.sampled_from(
            ["1", "0", "-1", "gzip", TEXT, OM, PROTOBUF, VALUES, "nan", "1e9", "x" * 24,
             "*/*;q=0.1", "text/plain; version=1.0.0", "application/openmetrics-text;version=9"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    ),
    max_size=4,
)  # fmt: skip
SEGMENTS = st.one_of(
    st.sampled_from(
        ["job", "agent", "incarnation", "le", "quantile", "instance", "x@base64", "MQ==", "=", "%2F",
         "metrics", "", "a", "b", "job@base64", "%C3%BC", "%FF", "..", "n" * 200]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#/"), max_size=8),
)  # fmt: skip
PATHS = st.one_of(
    st.sampled_from(
        ["/metrics/job/fuzz", "/metrics/job/fuzz/agent/F/incarnation/1", "/metrics/job/fuzz/agent/F",
         "/metrics/job/fuzz/agent/F/incarnation/2"]
    ),
    st.lists(SEGMENTS, max_size=7).map(lambda parts: "/metrics/job/fuzz/" + "/".join(parts)),
    st.lists(SEGMENTS, max_size=6).map(lambda parts: "/metrics/" + "/".join(parts)),
)  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies of the corpora with pieces put in, taken out and doubled; or nothing but pieces."""
    body = draw(st.sampled_from(SEEDS)) if draw(st.booleans()) else b""
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(body)))
        until = min(len(body), at + draw(st.integers(0, 5)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)))
        body = body[:at] + piece + body[until if draw(st.booleans()) else at :]
    return gzip.compress(body, mtime=0) if draw(st.integers(0, 9)) == 0 else body


REQUESTS = st.builds(
    Request, st.sampled_from(["PUT", "POST", "PUT", "POST", "DELETE", "GET"]), PATHS, HEADERS, bodies()
)  # fmt: skip
POISON = ["", "", "up 1\n", f'long{{x="{"v" * 3000}"}} 1\n', "# TYPE below_total counter\n"
          "below_total -1\n", 'le{x="1",x="2"} 1\n', "node_load1 2\n"]  # fmt: skip
COUNTS = st.builds(
    Count,
    st.sampled_from(["A", "B"]),
    st.sampled_from(["1", "2", "3"]),
    st.integers(0, 1_000),
    st.tuples(*[st.integers(0, 9)] * (len(BOUNDS) + 1)),
    st.sampled_from(["text", "loose", "openmetrics", "protobuf", "gzip"]),
    st.sampled_from(POISON),
    st.booleans(),
)
STEPS = st.lists(st.one_of(REQUESTS, REQUESTS, COUNTS), min_size=1, max_size=7)
