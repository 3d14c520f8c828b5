"""One name, one type: which families are in use, and who uses them."""

from __future__ import annotations

from collections.abc import Iterable

from services.metrics.errors import Rejected
from services.metrics.series.series_list import Family

_ALIKE = {"info": "gauge", "stateset": "gauge"}


class FamilyRegistry:
    """Which family owns a sample name, for as long as somebody uses it.

    Not safe for threads: the store calls it under its lock.
    """

    def __init__(self) -> None:
        self._owners: dict[str, tuple[str, str]] = {}
        self._users: dict[str, int] = {}
        self._held: dict[object, tuple[Family, ...]] = {}

    def check(self, user: object, families: Iterable[Family]) -> None:
        """Refuse families that do not fit what others use.

        Args:
            user: who wants them; what it holds alone is no obstacle to it.
            families: what it would hold.

        Raises:
            Rejected: ``inconsistent``, with the type that is in use.
        """
        own = {family.name for family in self._held.get(user, ())}
        for family in families:
            for name in family.sample_names:
                owner = self._owners.get(name)
                if owner is None or owner == (family.name, _type(family)):
                    continue
                if owner[0] in own and self._users[owner[0]] == 1:
                    continue
                raise Rejected(
                    "inconsistent",
                    f"{name} is in use by the {owner[1]} {owner[0]}; it cannot be a {family.type}",
                )

    def hold(self, user: object, families: tuple[Family, ...]) -> None:
        """Note that ``user`` now holds exactly these families (none: it is gone)."""
        for family in self._held.pop(user, ()):
            self._users[family.name] -= 1
            if self._users[family.name] == 0:
                del self._users[family.name]
                for name in family.sample_names:
                    if self._owners.get(name, ("",))[0] == family.name:
                        del self._owners[name]
        for family in families:
            self._users[family.name] = self._users.get(family.name, 0) + 1
            for name in family.sample_names:
                self._owners.setdefault(name, (family.name, _type(family)))
        if families:
            self._held[user] = families


def _type(family: Family) -> str:
    return _ALIKE.get(family.type, family.type)
