"""When the disk is full: nothing is acknowledged that is not kept, and figures are still shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.errors import Rejected
from services.metrics.protocol.grouping_key import parse_path
from services.metrics.protocol.push import Push
from services.metrics.service import Service
from services.metrics.settings import Settings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(Settings(data_dir=tmp_path))
    yield made
    made.stop()


def full(service: Service, pages: int) -> None:
    """Let SQLite find the disk full from ``pages`` pages of the file on."""
    service.disk._connection.execute(f"PRAGMA max_page_count={pages}")


def final(number: int, value: int = 1) -> Push:
    path = f"/metrics/job/j/agent/A/incarnation/{number}"
    lines = "".join(f't_total{{n="{number}-{n}"}} {value}\n' for n in range(300))
    body = f"# TYPE t_total counter\n{lines}".encode()
    return Push(parse_path(path), body, replace=True, sequence=1, final=True)


def shown(service: Service) -> int:
    return service.exposition.render("text").take().count(b"\nt_total{")


def test_a_final_push_is_not_acknowledged_while_the_disk_is_full(service: Service) -> None:
    service.store.push(final(0))
    full(service, 1)
    with pytest.raises(Rejected, match="disk") as caught:
        service.store.push(final(1))
    assert 503 == caught.value.status
    assert "unhealthy" == service.health.report()[1]["disk"].status
    assert 600 == shown(service)
    with pytest.raises(Rejected, match="disk"):
        service.store.push(final(1))


def test_what_could_not_be_written_is_written_when_there_is_room_again(
    service: Service, tmp_path: Path
) -> None:
    full(service, 1)
    for number in range(3):
        with pytest.raises(Rejected, match="disk"):
            service.store.push(final(number))
    full(service, 100_000)
    assert "stale" == service.store.push(final(0)).outcome
    assert "healthy" == service.health.report()[1]["disk"].status
    service.stop()
    again = Service(Settings(data_dir=tmp_path))
    try:
        assert 900 == shown(again)
        for number in range(3):
            assert "stale" == again.store.push(final(number)).outcome
    finally:
        again.stop()
