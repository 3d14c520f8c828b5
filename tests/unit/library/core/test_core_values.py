"""Label values of every kind arrive as they were given, on all ways: text, file, spool."""

from __future__ import annotations

import gzip
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamos.core.metrics import Counter
from dreamos_metrics.metrics.family import MAX_SERIES
from dreamos_metrics.metrics.migration import migrate_to
from dreamos_metrics.metrics.names import MAX_LABEL_VALUE_CHARACTERS, clean_value, escape
from dreamos_metrics.metrics.storage import MemoryStorage
from dreamos_metrics.push.snapshot import SnapshotCollector
from dreamos_metrics.spool.recovery import claim
from dreamos_metrics.spool.values_file import FileStorage
from dreamos_metrics.spool.values_reader import read_values

_number = itertools.count()
anything = st.text(st.characters(), max_size=200) | st.sampled_from(
    ['"', "\\", "\n", '\\"', "\\n", "\r", "\x00", "\ud800", "a\udfffb", "ü€🙂", "x" * 10_000, ""]
)


def unescape(text: str) -> str:
    """Read a label value as the exposition formats say: left to right."""
    result, rest = [], iter(text)
    for char in rest:
        result.append({"n": "\n"}.get(second := next(rest), second) if char == "\\" else char)
    return "".join(result)


@given(anything)
def test_a_value_becomes_valid_utf8_and_nothing_else_changes(value: str) -> None:
    clean = clean_value(value)
    clean.encode("utf-8")
    assert clean_value(clean) == clean
    if not any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        assert value == clean


@given(anything)
def test_escaping_can_be_undone_and_stays_on_one_line(value: str) -> None:
    text = escape(clean_value(value))
    assert clean_value(value) == unescape(text)
    assert "\n" not in text
    assert '"' not in text.replace("\\\\", "").replace('\\"', "")


@settings(deadline=None)
@given(st.lists(anything, min_size=1, max_size=8), st.integers(1, 1000))
def test_every_value_has_one_line_with_its_count(values: list[str], amount: int) -> None:
    counter = Counter(f"values_{next(_number)}", "d", ["v"])
    for value in values:
        counter.inc(amount, tags={"v": value})
    body = SnapshotCollector().collect().text().decode("utf-8")
    name = counter._family.name
    found = {}
    for line in body.split("\n"):
        if line.startswith(f"{name}_total{{"):
            labels, _, number = line.rpartition(" ")
            found[unescape(labels[len(name) + 10 : -2])] = float(number)
    wanted: dict[str, float] = {}
    for value in values:
        wanted[clean_value(value)] = wanted.get(clean_value(value), 0) + amount
    assert wanted == found


@settings(deadline=None, max_examples=50)
@given(values=st.lists(anything, min_size=1, max_size=40), amount=st.floats(0, 1e15))
def test_what_lies_in_the_file_is_what_was_counted(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], amount: float
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    header = {"incarnation": "i", "url": "http://x", "job": "j", "agent": "a"}
    counter = Counter(f"values_{next(_number)}", "d", ["v"])
    store = FileStorage(folder, header)
    migrate_to(store)
    try:
        for value in values:
            counter.inc(amount, tags={"v": value})
        left = read_values(store.path.read_bytes())
    finally:
        migrate_to(MemoryStorage())
        store.remove()
    (series,) = [series for family, series in left.families if family is not None
                 and family.name == counter._family.name]  # fmt: skip
    assert {s._values: s._read() for s in counter._family.series()} == {
        each._values: each._read() for each in series
    }


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda b: b"DREAMOS1" + b))
def test_any_other_file_is_called_damaged_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_values(data)


@settings(deadline=None, max_examples=100)
@given(place=st.integers(0, 4000), new=st.binary(min_size=1, max_size=8))
def test_a_file_with_wrong_bytes_never_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, place: int, new: bytes
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    store = FileStorage(folder, {"incarnation": "i", "url": "u", "job": "j", "agent": "a"})
    counter = Counter(f"values_{next(_number)}", "d", ["v"])
    for number in range(20):
        store.allocate(counter._family, (str(number),), 2)
    data = bytearray(store.path.read_bytes())
    store.abandon()
    data[place : place + len(new)] = new
    store.path.write_bytes(data)
    with claim(store.path) as entry:
        assert entry is None or gzip.decompress(entry.body).endswith(b"# EOF\n")
    assert 1 == len(os.listdir(folder))  # noqa: PTH208 - kept, or set aside; never lost


def test_a_value_beyond_the_limit_is_cut() -> None:
    assert MAX_LABEL_VALUE_CHARACTERS == len(clean_value("é" * 20_000))


def test_label_sets_beyond_the_limit_are_folded_into_one(tmp_path: Path) -> None:
    counter = Counter(f"values_{next(_number)}", "d", ["v"])
    for number in range(MAX_SERIES + 500):
        counter.inc(tags={"v": number})
    assert MAX_SERIES + 1 == len(counter._family.series())
    assert 500 == counter.labels("(other)").value
    counter.clear()
