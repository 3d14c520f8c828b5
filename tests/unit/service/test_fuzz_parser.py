"""Arbitrary bytes meet the parser: it takes them or refuses them, and never does anything else."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from services.metrics.errors import REASONS, Rejected
from services.metrics.parsing.body_template import BodyTemplate
from services.metrics.parsing.lexer import escape_label
from services.metrics.parsing.size import check_size
from services.metrics.parsing.text import parse
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.series.series_list import CREATED, SeriesList
from services.metrics.settings import Settings
from tests.contract.malformed import CORPUS, FINE

SEEDS = [bad.body.encode() if isinstance(bad.body, str) else bad.body for bad in CORPUS]
SEEDS += [body.encode() for _, body, _ in FINE]
TOKENS = [
    b"\n", b" ", b"\t", b"{", b"}", b'"', b"\\", b",", b"=", b"#", b"# EOF\n", b"# TYPE a counter\n",
    b"# HELP a ", b"_total", b"_bucket", b"_created", b'le="+Inf"', b"NaN", b"+Inf", b"1e400", b"a",
    b"\xff", b"\xc3", b"\x00", b"\r", b" # {} 1", b'{x="y"} 1\n', b"1.5", b"-", b"# dreamos:aggregate a max\n",
]  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bodies of the corpus with pieces put in, taken out and doubled; or nothing but pieces."""
    body = draw(st.sampled_from(SEEDS)) if draw(st.booleans()) else b""
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(body)))
        until = min(len(body), at + draw(st.integers(0, 5)))
        piece = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4)))
        body = body[:at] + piece + body[until if draw(st.booleans()) else at :]
    return body


@settings(max_examples=600, deadline=None)
@given(bodies(), st.booleans())
def test_a_body_is_taken_or_refused_with_a_known_reason(body: bytes, openmetrics: bool) -> None:
    try:
        parsed = parse(body, openmetrics)
        values = BodyTemplate(parsed, openmetrics).arrange(parsed.values)
    except Rejected as refusal:
        assert refusal.reason in REASONS  # noqa: PT017
        assert refusal.line is None or 1 <= refusal.line <= body.count(b"\n") + 1  # noqa: PT017
        return
    keys = list(zip(parsed.series.names, parsed.series.labels, strict=True))
    assert len(keys) == len(set(keys)) == len(values)
    assert sorted(f.name for f in parsed.series.families) == [
        f.name for f in parsed.series.families
    ]


@settings(max_examples=600, deadline=None)
@given(bodies(), st.booleans())
def test_a_body_that_can_be_read_is_not_said_to_be_too_long(body: bytes, openmetrics: bool) -> None:
    try:
        samples = len(parse(body, openmetrics).rows)
    except Rejected:
        return
    check_size(body, Settings(max_series=max(1, samples)))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SEEDS), bodies(), st.booleans())
def test_comparing_lines_gives_what_reading_them_gives(
    known: bytes, body: bytes, openmetrics: bool
) -> None:
    for one, other in ((known, body), (body, body), (body, body.replace(b" 1\n", b" 27.5\n"))):
        try:
            wire = BodyTemplate(parse(one, openmetrics), openmetrics)
        except Rejected:
            continue
        try:
            found = wire.match(other)
        except Rejected:
            found = None
        if found is not None:
            parsed = parse(other, openmetrics)
            again = BodyTemplate(parsed, openmetrics)
            assert wire.name == again.name
            assert np.array_equal(found, again.arrange(parsed.values), equal_nan=True)


LABELS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.floats(min_value=0, allow_infinity=False, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.tuples(LABELS, LABELS), NUMBERS, max_size=6), st.floats())
def test_what_the_official_client_writes_is_read_as_it_was_meant(
    counts: dict[tuple[str, str], float], gauge: float
) -> None:
    registry = CollectorRegistry()
    counter = Counter("c", "Some\nhelp \\ here", ["x", "y"], registry=registry)
    histogram = Histogram("h", "h", ["x"], registry=registry)
    for (one, other), count in counts.items():
        counter.labels(one, other).inc(count)
        histogram.labels(one).observe(count)
    Gauge("g", "g", registry=registry).set(gauge)
    text = generate_latest(registry)
    expected = {
        (sample.name, frozenset((k, v) for k, v in sample.labels.items() if v)): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    modern = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
    for body, openmetrics in ((text, False), (modern, True)):
        parsed = parse(body, openmetrics)
        values = BodyTemplate(parsed, openmetrics).arrange(parsed.values)
        found = dict(zip(_keys(parsed.series), values.tolist(), strict=True))
        assert {(name, _escape(labels)) for name, labels in expected} == set(found)
        for (name, labels), value in expected.items():
            mine = found[name, _escape(labels)]
            assert value == mine or (math.isnan(value) and math.isnan(mine))
        began = {n for n, r in zip(parsed.series.names, parsed.series.roles, strict=True)
                 if r == CREATED}  # fmt: skip
        assert began == ({"c_created", "h_created"} if counts else set())


def _escape(labels: frozenset[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{escape_label(value)}"' for name, value in sorted(labels))


def _keys(series: SeriesList) -> list[tuple[str, str]]:
    return list(zip(series.names, series.labels, strict=True))


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.from_regex(r"/metrics/(job|x|job@base64)(/[^/]{0,6}){0,7}"))
)
def test_a_path_names_a_group_or_is_refused(path: str) -> None:
    try:
        target = parse_path(path)
    except Rejected as refusal:
        assert refusal.reason in ("url", "label", "utf8")  # noqa: PT017
        return
    assert "job" in dict(target.labels)
    assert "incarnation" not in dict(target.labels)


@settings(max_examples=60, deadline=None)
@given(bodies())
def test_a_list_comes_back_from_disk_as_it_was(body: bytes) -> None:
    try:
        series = parse(body, False).series
    except Rejected:
        return
    again = SeriesList.load(series.dump())
    assert series.digest == again.digest
    assert _keys(series) == _keys(again)
    assert series.families == again.families


def test_a_longer_comment_is_not_taken_for_a_value() -> None:
    wire = BodyTemplate(parse(b"# TYPE a gauge\na 1\n", False))
    assert wire.match(b"# TYPE a gauge\na 2\n") is not None
    assert wire.match(b"# TYPE a gauge5\na \n") is None
