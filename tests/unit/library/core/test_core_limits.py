"""Limits of the service: learnt from its first answer, and kept by cutting, folding, leaving out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dreamos_metrics.metrics.limits import UNLIMITED, Limits, largest_share, parse_limits
from tests.unit.library.core.test_core_survival import environment, run
from tests.unit.library.core.wire import Push, Receiver

LIMITS = "series=120, labels=4, label-name=12, label-value=20, metric-name=40, body=1000000, new=1"


def limited(limits: str = LIMITS) -> Any:
    """A service that takes what is within its limits, and names the families that are not."""
    known = parse_limits(limits)

    def answer(push: Push) -> tuple[int, dict[str, str], str]:
        headers = {"Dreamos-Result": "accepted", "Dreamos-Limits": limits}
        refused = []
        left = known.series
        families = [each.split("\n") for each in push.text.split("# TYPE ")[1:]]
        for lines in sorted(families, key=len):
            name, samples = lines[0].split()[0], [line for line in lines if "{" in line]
            left -= len(samples)
            if left < 0:
                refused.append(f"{name}: too_many_series: there are too many\n")
            elif any(len(v) > known.label_value for v in re.findall('"([^"]*)"', str(samples))):
                refused.append(f"{name}: label: a value is too long\n")
        if refused:
            headers["Dreamos-Rejected"] = str(len(refused))
        return 200, headers, "".join(refused)

    return answer


def last_text(receiver: Receiver) -> Push:
    return [push for push in receiver.pushes if "openmetrics" in push.headers["content-type"]][-1]


def lines(push: Push, name: str) -> list[str]:
    return [line for line in push.text.splitlines() if line.startswith(name)]


def errors(push: Push, reason: str) -> float:
    return push.value(f'dreamos_client_errors_total{{reason="{reason}"}}')


@pytest.mark.parametrize(
    ("header", "limits"),
    [
        ("series=5, label-value=7", Limits(series=5, label_value=7)),
        ("unknown=3,series=x,body=-1, labels = 2,", Limits()),
        ("label-name=0", Limits(label_name=1)),
        ("series=99999999999999999999", Limits()),
        ("", Limits()),
    ],
)
def test_limits_are_read_and_what_is_odd_in_them_is_ignored(header: str, limits: Limits) -> None:
    assert limits == parse_limits(header)


def test_the_small_ones_keep_what_they_have_when_there_is_too_little_room() -> None:
    assert UNLIMITED == largest_share([5, 5], 10)
    assert 45 == largest_share([10, 60, 80], 100)
    assert 3 == largest_share([9, 9, 9], 10)


def test_a_label_value_that_is_too_long_is_cut_and_everything_else_arrives(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = limited()
    code = """
from dreamos.core.metrics import Counter, Gauge, Histogram, Info, flush
paths = Counter("paths_total", "Paths", ["path"])
for end in ("a", "b", "c"): paths.labels("x" * 20 + end).inc(2)
paths.labels("short").inc(7)
Gauge("depth", "D", ["path"], multiprocess_mode="max").labels("y" * 21).set(4)
Info("facts", "F").info({"words": "w" * 30})
h = Histogram("h_seconds", "D", ["path"], buckets=[1])
for end in ("a", "b"): h.labels("z" * 20 + end).observe(0.5)
assert flush(30)
assert flush(30)
"""
    assert 0 == run(code, receiver.url, tmp_path).returncode
    push = last_text(receiver)
    assert 6 == push.value(f'paths_total{{path="{"x" * 20}"}}')
    assert 7 == push.value('paths_total{path="short"}')
    assert 4 == push.value(f'depth{{path="{"y" * 20}"}}')
    assert 2 == push.value(f'h_seconds_bucket{{path="{"z" * 20}",le="1.0"}}')
    assert 2 == push.value(f'h_seconds_count{{path="{"z" * 20}"}}')
    assert 1 == push.value(f'facts_info{{words="{"w" * 20}"}}')
    assert 7 == errors(push, "over_limit")


def test_two_metrics_of_too_many_label_sets_share_the_room(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = limited()
    code = """
import prometheus_client
from dreamos.core.metrics import Counter, flush
one, two = Counter("one_total", "One", ["n"]), Counter("two_total", "Two", ["n"])
for n in range(100):
    one.labels(str(n)).inc(); two.labels(str(n)).inc(2)
few = Counter("few_total", "Few", ["n"]); few.labels("1").inc()
theirs = prometheus_client.Counter("theirs_total", "Theirs", ["n"])
for n in range(500): theirs.labels(str(n)).inc()
assert flush(30)
assert flush(30)
"""
    assert 0 == run(code, receiver.url, tmp_path).returncode
    push = last_text(receiver)
    samples = [
        line
        for line in push.text.splitlines()
        if not line.startswith("#") and "_created" not in line.partition("{")[0]
    ]
    assert 120 >= len(samples)
    assert 1 == push.value('few_total{n="1"}')
    assert 100 == sum(float(line.split(" ")[1]) for line in lines(push, "one_total"))
    assert 200 == sum(float(line.split(" ")[1]) for line in lines(push, "two_total"))
    assert 1 < push.value('one_total{n="(other)"}')
    assert [] == lines(push, "theirs_total{"), "what cannot be folded is left out as a whole"
    assert 100 < errors(push, "over_limit")


def test_names_that_are_too_long_and_labels_too_many_leave_one_family_out(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = limited()
    code = """
from dreamos.core.metrics import Counter, flush
Counter("n" * 41, "Long").inc()
Counter("long_label_total", "d", ["l" * 13]).labels("x").inc()
Counter("labels_total", "d", ["a", "b", "c", "d", "e"]).labels(*"vwxyz").inc()
Counter("good_total", "d").inc(3)
assert flush(30)
"""
    done = run(code, receiver.url, tmp_path)
    assert 0 == done.returncode
    push = last_text(receiver)
    assert push.final
    assert 3 == push.value("good_total")
    assert [] == [*lines(push, "nnn"), *lines(push, "long_label"), *lines(push, "labels_total")]
    assert 3 == errors(push, "over_limit")
    assert 3 == done.stderr.count("over_limit"), "each is named once"


def test_a_body_that_is_too_large_is_made_smaller(receiver: Receiver, tmp_path: Path) -> None:
    def answer(push: Push) -> tuple[int, dict[str, str], str]:
        if len(push.body) > 60_000:
            return 413, {}, "too large"
        return 200, {"Dreamos-Result": "accepted"}, ""

    receiver.answer = answer
    code = """
from dreamos.core.metrics import Counter, flush
many = Counter("many_total", "Many", ["n"])
for n in range(3000): many.labels(str(n)).inc()
Counter("good_total", "d").inc(3)
flush(60)
assert flush(60)
"""
    assert 0 == run(code, receiver.url, tmp_path).returncode
    push = last_text(receiver)
    assert push.final
    assert 3 == push.value("good_total")
    assert 3000 == sum(float(line.split(" ")[1]) for line in lines(push, "many_total"))


def test_a_process_too_short_to_have_learnt_them_asks_before_its_last_word(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = limited(LIMITS.replace("label-value=20", "label-value=2048"))
    code = """
from dreamos.core.metrics import Counter
Counter("paths_total", "Paths", ["path"]).labels("x" * 2049).inc()
"""
    assert 0 == run(code, receiver.url, tmp_path).returncode
    assert receiver.pushes[-1].final
    assert 1 == receiver.pushes[-1].value(f'paths_total{{path="{"x" * 2048}"}}')


def test_families_that_the_service_leaves_out_are_counted_by_reason_and_said_once(
    receiver: Receiver, tmp_path: Path
) -> None:
    told = "one: too_many_series: 12 are too many\ntwo: inconsistent: a gauge\nodd line\n: x: y\n"

    def answer(push: Push) -> tuple[int, dict[str, str], str]:
        return 200, {"Dreamos-Result": "accepted", "Dreamos-Rejected": "2"}, told

    receiver.answer = answer
    done = run(
        "from dreamos.core.metrics import flush\nfor _ in range(3): assert flush(30)\n",
        receiver.url,
        tmp_path,
    )
    assert 0 == done.returncode
    name = "dreamos_client_rejected_families_total"  # two series of it, and no third
    final = receiver.pushes[-1]
    for reason in ("too_many_series", "inconsistent"):
        assert 1 == done.stderr.count(f"({reason})")
        assert 3 <= final.value(f'{name}{{reason="{reason}"}}')
    assert 2 == len(lines(final, name))


BIG = """
import os
from dreamos.core.metrics import Counter
paths = Counter("paths_total", "Paths", ["path"])
for end in ("a", "b"): paths.labels("x" * 20 + end).inc(2)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_a_killed_process_left_is_made_to_fit_too(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answer = limited()
    assert -9 == run(BIG, receiver.url, tmp_path).returncode
    next_one = "from dreamos.core.metrics import flush\nassert flush(30)\n"
    subprocess.run(
        [sys.executable, "-c", next_one],
        env=environment(receiver.url, tmp_path),
        check=True,
        timeout=120,
    )
    (left,) = [push for push in receiver.pushes if "dreamos-uncertain" in push.headers]
    assert 4 == left.value(f'paths_total{{path="{"x" * 20}"}}')
