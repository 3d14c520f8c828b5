"""The helpers for other people's tests tell the truth."""

from __future__ import annotations

import os
import subprocess
import sys

import prometheus_client
import pytest

from dreamos.core.metrics import Counter, Gauge, Histogram, Summary, testing

value = testing.value

builds = Counter("helper_builds_total", "Builds", ["kind", "outcome"])
depth = Gauge("helper_depth", "Depth")
seconds = Histogram("helper_seconds", "Seconds")
sizes = Summary("helper_sizes", "Sizes", ["kind"])
kept = builds.labels("nightly", "failed")


def test_value_reads_one_series_or_sums_over_those_that_fit() -> None:
    builds.inc(tags={"kind": "nightly", "outcome": "ok"})
    builds.inc(2, tags={"kind": "nightly", "outcome": "failed"})
    builds.inc(4, tags={"kind": "release", "outcome": "ok"})
    assert 2 == value("helper_builds_total", kind="nightly", outcome="failed")
    assert 3 == value("helper_builds_total", kind="nightly")
    assert 7 == value("helper_builds_total")
    assert 7 == value("helper_builds_total", {})
    assert 4 == value("helper_builds_total", {"kind": "release"})
    assert 0 == value("helper_builds_total", kind="weekly")


def test_value_knows_the_samples_of_every_type() -> None:
    depth.set(3)
    seconds.observe(0.3)
    assert 3 == value("helper_depth")
    assert 1 == value("helper_seconds_count")
    assert 0.3 == value("helper_seconds_sum")
    assert 1 == value("helper_seconds_bucket", le="0.5")
    assert 0 == value("helper_sizes_count", kind="never seen")


def test_a_misspelt_name_is_not_taken_for_zero() -> None:
    with pytest.raises(LookupError, match="helper_builds"):
        value("helper_bulids_total")


def test_delta_is_the_change_in_the_block_and_stands_still_after_it() -> None:
    builds.inc(5, tags={"kind": "a", "outcome": "b"})
    with testing.delta("helper_builds_total", kind="a") as change:
        assert 0 == change.value
        builds.inc(2, tags={"kind": "a", "outcome": "c"})
        assert 2 == change.value
    builds.inc(tags={"kind": "a", "outcome": "c"})
    assert 2 == change.value


def test_fresh_starts_and_ends_at_zero_and_kept_series_stay_good() -> None:
    foreign = prometheus_client.Counter("helper_foreign_total", "Somebody else's")
    foreign.inc()
    kept.inc(3)
    depth.set(3)
    with testing.fresh():
        assert 0 == value("helper_builds_total")
        assert 0 == value("helper_depth")
        kept.inc()
        depth.inc()
        assert 1 == value("helper_builds_total", kind="nightly", outcome="failed")
        assert 1 == value("helper_depth")
        assert 1 == value("helper_foreign_total")
    assert 0 == value("helper_builds_total")
    kept.inc(4)
    assert 4 == value("helper_builds_total")
    prometheus_client.REGISTRY.unregister(foreign)


def test_errors_says_what_was_wrong_with_the_instrumentation() -> None:
    assert {} == testing.errors()
    builds.inc(tags={"kind": "a"})
    builds.inc(-1, tags={"kind": "a", "outcome": "b"})
    assert {"wrong_labels": 1, "wrong_value": 1} == testing.errors()


def test_where_a_process_pushes_its_counts_are_not_forgotten() -> None:
    code = (
        "from dreamos.core.metrics import start, testing\n"
        "start(agent='a', url='http://127.0.0.1:9', spool='')\n"
        "try:\n"
        "    with testing.fresh(): pass\n"
        "except RuntimeError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert "stop()" in done.stdout
