"""Reading of bodies: by comparison where the lines are known."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import pytest

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.settings import Settings
from services.metrics.store.body_decoder import BodyDecoder
from tests.unit.service.store.service_store import counter, gauge

FREE = contextlib.nullcontext


def push(body: str, path: str = "j/agent/A/incarnation/1") -> Push:
    return Push(parse_path("/metrics/job/" + path), body.encode())


@pytest.fixture
def decoder() -> BodyDecoder:
    return BodyDecoder(Settings())


def test_processes_that_say_the_same_share_their_lines(decoder: BodyDecoder) -> None:
    one = decoder.text(push(counter("t_total", 1)), None, FREE())
    two = decoder.text(push(counter("t_total", 2), "j/agent/B/incarnation/2"), None, FREE())
    assert one.template is two.template
    assert ([1.0], [2.0]) == (one.values.tolist(), two.values.tolist())


def test_known_lines_cost_nothing_new(decoder: BodyDecoder) -> None:
    first = decoder.text(push(counter("t_total", 1)), None, FREE())

    @contextlib.contextmanager
    def dear() -> Iterator[None]:
        raise AssertionError("it was charged")
        yield

    again = decoder.text(push(counter("t_total", 5)), first.template, dear())
    assert again.template is first.template


def test_labels_of_the_url_make_another_list(decoder: BodyDecoder) -> None:
    body = gauge("g", 1, labels='{shelf="x"}')
    one = decoder.text(push(body, "j"), None, FREE())
    two = decoder.text(push(body, "j/shelf/y"), None, FREE())
    assert (['shelf="x"'], [""]) == (one.template.series.labels, two.template.series.labels)


def test_values_need_a_name_that_is_known_and_the_right_length(decoder: BodyDecoder) -> None:
    first = decoder.text(push(counter("t_total", 1)), None, FREE())
    name = first.template.name
    found = decoder.values(struct.pack("<d", 7), name, [None, first.template])
    assert [7.0] == found.values.tolist()
    for body, asked, reason in ((bytes(8), "x", "unknown_list"), (bytes(9), name, "parse")):
        with pytest.raises(Rejected) as caught:
            decoder.values(body, asked, [first.template])
        assert reason == caught.value.reason
