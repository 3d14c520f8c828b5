"""When the disk is written, and what is shown because of it."""

from __future__ import annotations

import pytest

from services.metrics.errors import Rejected
from tests.unit.service.store.service_store import Bench, counter, fail


def test_nothing_is_written_twice_and_everything_before_it_is_shown(bench: Bench) -> None:
    durations: list[float] = []
    bench.store.flusher.observe = durations.append
    bench.process("1", counter("t_total", 1))
    bench.scrape()
    bench.scrape()
    assert 1 == len(durations)
    assert bench.store.flusher.last_success > 0


def test_a_disk_that_cannot_be_synced_refuses_a_final_push(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError("input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", broken)
        with pytest.raises(Rejected, match="could not be written"):
            bench.process("1", counter("t_total", 1), final=True)
    assert 1 == bench.store.flusher.errors
    assert "stale" == bench.process("1", counter("t_total", 1), final=True).outcome
    assert 1 == bench.value("t_total")


def test_what_cannot_be_written_is_shown_and_said_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    fail(bench.disk, "members", "INSERT")
    for value in (1, 2, 3):
        bench.process("1", counter("t_total", value))
        assert value == bench.value("t_total")
    assert 1 == caplog.text.count("the data file cannot be written")
    bench.disk._connection.execute("DROP TRIGGER broken")
    bench.scrape()
    assert "can be written again" in caplog.text
