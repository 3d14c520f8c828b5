"""Memory that requests may hold together while they wait: bodies that come in, answers to be read."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

FREE_BYTES = 65_536
"""Of each request; what many small ones hold together is limited by their connections."""


class ByteBudget:
    """Bytes that are held. One address gets half of them at most.

    Only for the thread of the event loop.

    Args:
        total: most bytes that all requests hold.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._held = 0
        self._by_address: Counter[str] = Counter()

    def share(self, address: str) -> Share:
        """Return the share of one request."""
        return Share(self, address)

    def take(self, address: str, size: int) -> bool:
        """Take ``size`` bytes for a request of ``address``; False when there are not as many."""
        own = self._by_address[address] + size
        if self._held + size > self._total or own > self._total // 2:
            return False
        self._held += size
        self._by_address[address] = own
        return True

    def give_back(self, address: str, size: int) -> None:
        """Give bytes back."""
        self._held -= size
        self._by_address[address] -= size
        if not self._by_address[address]:
            del self._by_address[address]


class Share:
    """What one request holds; it is given back at the end of the ``with`` block."""

    def __init__(self, budget: ByteBudget, address: str) -> None:
        self._budget = budget
        self._address = address
        self._taken = 0

    def grow_to(self, size: int) -> bool:
        """Hold ``size`` bytes in all; False when there are not as many."""
        more = size - FREE_BYTES - self._taken
        if more <= 0:
            return True
        if not self._budget.take(self._address, more):
            return False
        self._taken += more
        return True

    def let_go(self) -> None:
        """Give everything back; a second call does nothing."""
        if self._taken:
            self._budget.give_back(self._address, self._taken)
            self._taken = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.let_go()
