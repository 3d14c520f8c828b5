"""The compact form: bare values while the list of series stays the same."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.unit.library.core.test_core_push import run
from tests.unit.library.core.wire import Push, Receiver

COMPACT = "application/vnd.dreamos.values"


class Teacher:
    """Learns lists as docs/protocol.md says, and can forget them."""

    def __init__(self) -> None:
        self.lists: dict[str, list[str]] = {}
        self.seen: list[tuple[str, dict[str, float]]] = []
        self.forget_next = False

    def __call__(self, push: Push) -> tuple[int, dict[str, str], str]:
        if push.headers["content-type"] == COMPACT:
            lines = self.lists.get(push.headers["dreamos-series-list"])
            if lines is None or self.forget_next:
                self.forget_next = False
                return 409, {}, "unknown series list"
            values = struct.unpack(f"<{len(lines)}d", push.body)
            self.seen.append(("values", dict(zip(lines, values, strict=True))))
            return 200, {"Dreamos-Result": "accepted"}, ""
        name = f"list-{len(self.lists)}"
        rows = [line.rsplit(" ", 1) for line in push.text.splitlines() if line[:1] != "#"]
        self.lists[name] = [row[0] for row in rows]
        self.seen.append(("text", {row[0]: float(row[1]) for row in rows}))
        return 200, {"Dreamos-Result": "accepted", "Dreamos-Series-List": name}, ""


CODE = """
from dreamos.core.metrics import Counter, Gauge, Histogram, Info, Summary, flush, start
start(agent="a", url={url!r}, interval=600, spool={spool!r})
c, g = Counter("c_total", "c", ["a"]), Gauge("g", "g")
h, s = Histogram("h", "h", buckets=[1, 2]), Summary("s", "s")
Info("facts", "f").info({{"version": "1"}})
for n in range(1, 4):
    c.inc(tags={{"a": "x y"}}); g.set(n); h.observe(n); s.observe(n)
    assert flush()
{more}
"""


def test_the_second_push_sends_bare_values_that_mean_the_same(
    receiver: Receiver, tmp_path: Path
) -> None:
    teacher = receiver.answer = Teacher()
    done = run(CODE.format(url=receiver.url, spool=str(tmp_path), more=""))
    assert (0, "") == (done.returncode, done.stderr)
    forms = [form for form, _ in teacher.seen]
    assert "text" == forms[0]
    assert forms.count("values") >= 2
    last = teacher.seen[-1][1]
    assert 3 == last['c_total{a="x y"}']
    assert 3 == last["g"]
    assert [1, 2, 3] == [last[f'h_bucket{{le="{le}"}}'] for le in ("1.0", "2.0", "+Inf")]
    assert (3, 6, 3, 6) == (last["h_count"], last["h_sum"], last["s_count"], last["s_sum"])
    assert 1 == last['facts_info{version="1"}']
    since_text = teacher.seen[len(forms) - 1 - forms[::-1].index("text") :]
    assert 1 == len({tuple(values) for _, values in since_text})


def test_a_new_series_makes_the_next_push_a_text_again(receiver: Receiver, tmp_path: Path) -> None:
    teacher = receiver.answer = Teacher()
    more = 'c.inc(tags={"a": "new"}); assert flush()'
    done = run(CODE.format(url=receiver.url, spool=str(tmp_path), more=more))
    assert (0, "") == (done.returncode, done.stderr)
    new = [(form, values.get('c_total{a="new"}')) for form, values in teacher.seen]
    first = next(index for index, (_, value) in enumerate(new) if value)
    assert [("values", None), ("text", 1)] == new[first - 1 : first + 1]


def test_a_service_that_forgot_the_list_gets_the_text_at_once(
    receiver: Receiver, tmp_path: Path
) -> None:
    teacher = Teacher()
    forgotten: list[int] = []

    def forgetful(push: Push) -> tuple[int, dict[str, str], str]:
        if push.headers["content-type"] == COMPACT and not forgotten:
            forgotten.append(len(teacher.seen))
            teacher.forget_next = True
        return teacher(push)

    receiver.answer = forgetful
    done = run(CODE.format(url=receiver.url, spool=str(tmp_path), more=""))
    assert (0, "") == (done.returncode, done.stderr)
    assert "text" == teacher.seen[forgotten[0]][0], "the text came in place of the values"
    assert 3 == teacher.seen[-1][1]["g"]
