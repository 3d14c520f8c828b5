"""From a push to a snapshot: by comparison where its lines are known, else line by line."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractContextManager

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.body_template import BodyTemplate, name_of
from services.metrics.parsing.text import check_length, parse
from services.metrics.scrape_priority import ScrapePriority
from services.metrics.series.series_list import Floats
from services.metrics.settings import Settings

KEPT = 16
"""Lists that are remembered although no process uses them: short jobs come again."""
SHORT = 2_000
"""Most lines of such a list."""


class BodyDecoder:
    """Reads bodies; processes that run the same program share one list of series.

    Args:
        settings: the limits of a body.
        turns: lets others go first in between.
    """

    def __init__(self, settings: Settings, turns: ScrapePriority | None = None) -> None:
        self._settings = settings
        self._turns = turns or ScrapePriority()
        self._lock = threading.Lock()
        self._slow = threading.Lock()
        """One body is read line by line at a time: the threads share one interpreter, and
        repeated pushes would get the smaller a share of it the more new ones there are."""
        self._recent: deque[BodyTemplate] = deque(maxlen=KEPT)
        self._known: weakref.WeakValueDictionary[tuple[str, frozenset[str]], BodyTemplate] = (
            weakref.WeakValueDictionary()
        )

    def text(
        self,
        body: bytes,
        openmetrics: bool,
        drop: frozenset[str],
        first: BodyTemplate | None,
        charge: AbstractContextManager[None],
    ) -> tuple[BodyTemplate, Floats]:
        """Read a body of text.

        Args:
            body: decompressed.
            openmetrics: its format.
            drop: names of labels that the URL sets.
            first: the lines that the sender is likely to repeat.
            charge: entered while lines that are not known are read.

        Raises:
            Rejected: see :func:`parse`.
        """
        values = first.match(body) if first is not None else None
        if first is not None and values is not None:
            return first, values
        check_length(body, self._settings.max_series)
        with charge, self._slow:
            return self._new(body, openmetrics, drop)

    def _new(
        self, body: bytes, openmetrics: bool, drop: frozenset[str]
    ) -> tuple[BodyTemplate, Floats]:
        guess = self._find(body, openmetrics, drop)
        values = guess.match(body) if guess is not None else None
        if guess is not None and values is not None:
            return guess, values
        parsed = parse(body, openmetrics, drop, self._settings, self._turns.give_way)
        wire = BodyTemplate(parsed, openmetrics)
        with self._lock:
            wire = self._known.setdefault((wire.name, drop), wire)
            if wire.lines <= SHORT:
                self._recent.append(wire)
        return wire, wire.arrange(parsed.values)

    def _find(self, body: bytes, openmetrics: bool, drop: frozenset[str]) -> BodyTemplate | None:
        if not self._known:
            return None
        heads = [
            line if line.startswith(b"#") else line[: line.rfind(b" ") + 1]
            for line in body.split(b"\n")
        ]
        if not heads[-1]:
            heads.pop()
        with self._lock:
            return self._known.get((name_of(heads, openmetrics), drop))

    def values(
        self, body: bytes, name: str, wires: Iterable[BodyTemplate | None]
    ) -> tuple[BodyTemplate, Floats]:
        """Read the compact form: one little-endian float64 for each line.

        Args:
            body: decompressed.
            name: of the list of lines.
            wires: the lists that the sender may mean.

        Raises:
            Rejected: ``unknown_list``, or ``parse`` when the length is wrong.
        """
        for wire in wires:
            if wire is not None and wire.name == name:
                if len(body) != 8 * wire.lines:
                    raise Rejected("parse", f"{8 * wire.lines} bytes were expected")
                return wire, wire.arrange(np.frombuffer(body, dtype="<f8"))
        raise Rejected("unknown_list", "the list of series is not known here; send the text")
