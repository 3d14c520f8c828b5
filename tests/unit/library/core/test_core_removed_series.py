"""Series that were reset or removed, over a fork, a stop and a start, and a move of all values."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.library.core.test_core_survival import run, totals
from tests.unit.library.core.wire import Receiver

DECLARED = """
import os, sys
import prometheus_client
import dreamos_metrics as metrics
from dreamos_metrics import Counter

done, kinds = Counter("done_total", "d"), Counter("kinds_total", "d", ["kind"])
def both(amount):
    done.inc(amount); kinds.inc(amount, tags={"kind": "a"})
def shown():
    return [done.value, kinds.labels("a").value]
both(5)
done.reset(); kinds.remove("a")
"""
KINDS = 'kinds_total{kind="a"}'


def test_stop_and_start_count_nothing_twice(receiver: Receiver, tmp_path: Path) -> None:
    finished = run(
        DECLARED + "both(2); metrics.stop(); kinds.clear()\n"
        "metrics.start(agent='A'); both(1); assert shown() == [1, 1], shown(); metrics.stop()\n"
        "done.reset(); metrics.start(agent='A'); both(1); assert shown() == [1, 1], shown()",
        receiver.url,
        tmp_path,
    )
    assert (0, "") == (finished.returncode, finished.stderr)
    assert 9 == totals(receiver.pushes, "done_total")
    assert 9 == totals(receiver.pushes, KINDS)


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_forked_child_begins_at_zero(receiver: Receiver, tmp_path: Path) -> None:
    finished = run(
        DECLARED + "child = os.fork()\n"
        "both(3)\n"
        "assert shown() == [3, 3], shown()\n"
        "if child:\n"
        "    assert 0 == os.waitpid(child, 0)[1]\n",
        receiver.url,
        tmp_path,
    )
    assert (0, "") == (finished.returncode, finished.stderr)
    assert 11 == totals(receiver.pushes, "done_total")
    assert 11 == totals(receiver.pushes, KINDS)


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_child_writes_nothing_into_what_its_parent_unregistered(
    receiver: Receiver, tmp_path: Path
) -> None:
    finished = run(
        DECLARED + "both(1)\n"
        "prometheus_client.REGISTRY.unregister(done); assert metrics.flush(60)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    done.inc(100)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "Counter('done_total', 'd').inc()\n",
        receiver.url,
        tmp_path,
    )
    assert (0, "") == (finished.returncode, finished.stderr)
    parent = [
        each for each in receiver.pushes if each.incarnation == receiver.pushes[0].incarnation
    ]
    assert "done_total" not in parent[0].text
    assert 7 == totals(parent, "done_total")


def test_values_that_move_into_the_file_keep_what_was_taken_away(tmp_path: Path) -> None:
    """The agent begins to push after it has counted, reset and removed."""
    finished = run(
        "import os\nos.environ.pop('DREAMOS_METRICS_AGENT')\n"
        + DECLARED
        + "both(1); metrics.start(agent='A', interval=600); both(1)\n"
        "assert shown() == [2, 2], shown()",
        "http://127.0.0.1:9",
        tmp_path,
    )
    assert 0 == finished.returncode, finished.stderr
