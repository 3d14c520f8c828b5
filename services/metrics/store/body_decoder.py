"""Decoder of bodies: by comparison where the lines are known, else line by line."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Container, Iterable
from contextlib import AbstractContextManager

import numpy as np

from services.metrics.errors import Rejected
from services.metrics.parsing.body_template import BodyTemplate, name_of
from services.metrics.parsing.size import check_size
from services.metrics.parsing.text import parse
from services.metrics.protocol.push import Push
from services.metrics.settings import Settings
from services.metrics.store.long_bodies import shorten
from services.metrics.store.plan import Decoded

MAX_KEPT = 16
"""Templates that are remembered although no process uses them: short jobs come again."""
MAX_KEPT_LINES = 2_000
"""Of such a template."""
MAX_KEPT_BYTES = 512 * 1024
"""That such a template keeps of its lines."""
How = tuple[frozenset[str], bool]
"""What the reading of lines depends on beside them: labels of the URL, and whether it is lenient
(family by family, as snapshots are read)."""


class BodyDecoder:
    """Reads bodies; processes that run the same program share one list of series.

    Args:
        settings: the limits of a body.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._slow = threading.Lock()
        """One body is read line by line at a time: the threads share one interpreter, and
        repeated pushes would get the smaller a share of it the more new ones there are."""
        self._recent: deque[BodyTemplate] = deque(maxlen=MAX_KEPT)
        self._known: weakref.WeakValueDictionary[tuple[str, How], BodyTemplate] = (
            weakref.WeakValueDictionary()
        )

    def text(
        self,
        push: Push,
        first: BodyTemplate | None,
        charge: AbstractContextManager[None],
        families: Container[str] = (),
    ) -> Decoded:
        """Read a body of text.

        Args:
            push: whose body it is.
            first: the lines that the sender is likely to repeat.
            charge: entered while lines that are not known are read.
            families: those that the process had until now.

        Raises:
            Rejected: see :func:`parse`.
        """
        known = _match(first, push.body, _is_lenient(push))
        if known is not None:
            return known
        try:
            check_size(push.body, self._settings)
        except Rejected as refusal:
            if not _is_lenient(push) or refusal.reason != "too_many_series":
                raise
            return self._shortened(push, first, charge, families)
        with charge, self._slow:
            return self._new(push, push.body)

    def _shortened(
        self,
        push: Push,
        first: BodyTemplate | None,
        charge: AbstractContextManager[None],
        families: Container[str],
    ) -> Decoded:
        """Read what is left of a body that is too long without the families that make it so."""
        with charge, self._slow:
            body, rejected = shorten(push.body, self._settings.max_series, families)
            read = _match(first, body, True) or self._new(push, body)
            return Decoded(read.template, read.values, rejected + read.rejected, whole=False)

    def _new(self, push: Push, body: bytes) -> Decoded:
        lenient = _is_lenient(push)
        how = frozenset(name for name, _ in push.target.labels), lenient
        known = _match(self._find(body, push.openmetrics, how), body, lenient)
        if known is not None:
            return known
        parsed = parse(body, push.openmetrics, how[0], self._settings, lenient=lenient)
        template = BodyTemplate(parsed, push.openmetrics)
        if template.name:
            with self._lock:
                template = self._known.setdefault((template.name, how), template)
                if template.lines <= MAX_KEPT_LINES and template.bytes <= MAX_KEPT_BYTES:
                    self._recent.append(template)
        return Decoded(template, template.arrange(parsed.values), template.rejected)

    def _find(self, body: bytes, openmetrics: bool, how: How) -> BodyTemplate | None:
        if not self._known:
            return None
        heads = [
            line if line.startswith(b"#") else line[: line.rfind(b" ") + 1]
            for line in body.split(b"\n")
        ]
        if not heads[-1]:
            heads.pop()
        with self._lock:
            return self._known.get((name_of(heads, openmetrics), how))

    def values(self, body: bytes, name: str, templates: Iterable[BodyTemplate | None]) -> Decoded:
        """Read the compact form: one little-endian float64 for each line.

        Args:
            body: decompressed.
            name: of the list of lines.
            templates: the lists that the sender may mean.

        Raises:
            Rejected: ``unknown_list``, or ``parse`` when the length is wrong.
        """
        for template in templates:
            if template is not None and template.name == name:
                if len(body) != 8 * template.lines:
                    raise Rejected("parse", f"{8 * template.lines} bytes were expected")
                try:
                    values = template.arrange(np.frombuffer(body, dtype="<f8"))
                except Rejected as refusal:
                    # The text tells which family it is; the others are taken then.
                    raise Rejected("unknown_list", f"{refusal.message}; send the text") from None
                return Decoded(template, values, template.rejected)
        raise Rejected("unknown_list", "the list of series is not known here; send the text")


def _is_lenient(push: Push) -> bool:
    return push.target.incarnation is not None


def _match(template: BodyTemplate | None, body: bytes, lenient: bool) -> Decoded | None:
    """Compare a body with known lines; None also for a value that leaves a family out."""
    if template is None:
        return None
    try:
        values = template.match(body)
    except Rejected:
        if lenient:
            return None
        raise
    return None if values is None else Decoded(template, values, template.rejected)
