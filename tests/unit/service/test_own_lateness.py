"""Limits on a client's time: what the service itself was late is not counted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from services.metrics.front.connections import (
    SWEEP_SECONDS,
    Connection,
    ConnectionTable,
    Limits,
)


class _Transport(asyncio.Transport):
    """A connection that notes how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 5) if name == "peername" else default

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def _table(head: float) -> tuple[ConnectionTable, _Transport]:
    limits = Limits(total=5, per_address=5, head=head, body=1.0, answer=1.0, idle=1.0)
    table, transport = ConnectionTable(limits), _Transport()
    Connection(asyncio.Protocol(), table).connection_made(transport)
    return table, transport


def test_a_sweep_that_comes_late_closes_nobody_who_could_not_be_read() -> None:
    table, transport = _table(head=2 * SWEEP_SECONDS)
    time.sleep(4 * SWEEP_SECONDS)
    table.sweep()
    assert not transport.closed


def test_a_client_that_sends_no_head_is_closed_by_sweeps_in_time() -> None:
    table, transport = _table(head=0.2)
    for _ in range(3):
        time.sleep(0.1)
        table.sweep()
    assert transport.closed
    assert 1 == table.closed["head"]
