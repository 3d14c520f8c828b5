"""Fixtures of the library's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.library.core.wire import Receiver, serving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running server on a free port of the loopback."""
    with serving() as server:
        yield server
