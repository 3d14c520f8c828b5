"""The body of a scrape, which may stand in memory that the next scrape wants to have."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Body:
    """Pieces that follow each other; whoever has it gives it back after use.

    Args:
        pieces: bytes, or views of memory that does not change until it is given back.
        release: called once, when nobody reads the pieces any more.
    """

    def __init__(
        self, pieces: Sequence[bytes | memoryview], release: Callable[[], None] | None = None
    ) -> None:
        self.pieces = pieces
        self._release = release

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(map(len, self.pieces))

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        release, self._release = self._release, None
        self.pieces = ()
        if release is not None:
            release()

    def take(self) -> bytes:
        """Return a copy of everything, and give the body back."""
        with self:
            return b"".join(self.pieces)
