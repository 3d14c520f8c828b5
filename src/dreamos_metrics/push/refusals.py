"""Refusals of the service: families that it names, and the one behind a push refused as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.internal_metrics import REJECTED_FAMILIES
from dreamos_metrics.metrics.shown_series import NEVER_FOLDED
from dreamos_metrics.push.http import Response
from dreamos_metrics.push.protocol import REJECTED, header
from dreamos_metrics.push.snapshot import Snapshot

#: After so many pushes a family that was left out is tried again.
_PUSHES_UNTIL_NEXT_TRY = 60
_REASON = re.compile(r"[a-z][a-z_]{0,39}\Z")
_MAX_REASONS = 30
_LINE = re.compile(r"\bline (\d{1,9})\b")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
#: What makes the agent visible; it is ours, and right.
_NEVER_LEFT_OUT = NEVER_FOLDED
_SUFFIXES = ("_total", "_created", "_bucket", "_count", "_sum", "_info")

_reasons: set[str] = set()


def note_rejected_families(response: Response, agent: str) -> dict[str, str]:
    """Count the families that an accepted push was told were left out; log each once.

    Returns:
        For each of them the reason and the sentence of the service.
    """
    found: dict[str, str] = {}
    if header(response, REJECTED) in ("", "0"):
        return found
    for line in response.text.splitlines():
        name, _, rest = line.partition(": ")
        reason, _, message = rest.partition(": ")
        if not _WORD.fullmatch(name):
            continue
        found[name] = rest
        if not _REASON.match(reason) or (reason not in _reasons and len(_reasons) >= _MAX_REASONS):
            reason = "other"
        _reasons.add(reason)
        REJECTED_FAMILIES.labels(reason).inc()
        detail = f"of {agent} the service leaves out {name} ({reason}): {message.strip()[:300]}"
        record_error("family_refused", detail, about=name)
    return found


class RefusedFamilies:
    """Families that are left out, because with them the service refuses the whole push.

    Where the answer does not tell which one it is, half of the suspects are tried at a time: each
    push that is refused is followed at once by one without any, so that the agent stays visible.
    """

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._suspects: list[str] = []
        self._trial = 0
        self._pushes = 0

    def left_out(self) -> frozenset[str]:
        """Return the names of the families to leave out of the next push."""
        suspects = self._suspects[self._trial :]
        return frozenset(suspects) | self._until.keys()

    def accepted(self) -> None:
        """Note that a push was taken: whoever was in it is no suspect."""
        self._pushes += 1
        for name in [name for name, until in self._until.items() if until <= self._pushes]:
            del self._until[name]
        if self._suspects:
            self._suspects = self._suspects[self._trial :]
            self._trial = -(-len(self._suspects) // 2)

    def refused(self, snapshot: Snapshot, message: str) -> bool:
        """Note that a push was refused; return whether another one without the culprit may help."""
        name = _named(snapshot, message)
        if name and not name.startswith(_NEVER_LEFT_OUT):
            self._leave_out(name)
            return True
        tried = self._suspects[: self._trial]
        if len(tried) == 1:
            self._leave_out(tried[0])
            self._suspects, self._trial = self._suspects[1:], 0
        elif tried:
            self._suspects, self._trial = tried, 0
        else:
            theirs = [family.name for family in snapshot.third_party_metrics]
            if not theirs:
                return False
            self._suspects, self._trial = theirs, 0
        return True

    def _leave_out(self, name: str) -> None:
        self._until[name] = self._pushes + _PUSHES_UNTIL_NEXT_TRY
        record_error("family_left_out", f"{name}: with it the service refuses the push", about=name)


def _named(snapshot: Snapshot, message: str) -> str:
    """Return the family that a refusal is about, by its line or by its name; "" if unknown."""
    names = snapshot.family_names()
    found = _LINE.search(message)
    if found:
        name = snapshot.family_at(int(found[1]))
        if name in names:
            return name
    words = _WORD.findall(message)
    return _first(names, words)


def _first(names: Sequence[str], words: Sequence[str]) -> str:
    for word in words:
        # A plain word of the sentence, such as "series", could be a name too.
        if "_" not in word:
            continue
        for name in (word, *(word.removesuffix(end) for end in _SUFFIXES if word.endswith(end))):
            if name in names:
                return name
    return ""
