"""Registry of families: one name, one type, and who declared it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from services.metrics.series.clashes import kind_of
from services.metrics.series.series_list import Family

User = Hashable
Claim = tuple[str, str]
"""Name and type of a family."""


class FamilyRegistry:
    """Which type a sample name has, for as long as somebody uses it.

    An untyped family is no claim: it keeps nobody from declaring the name, and is shown as what
    they declare. Not safe for threads: the store calls it under its lock.

    Attributes:
        version: changes with every claim that comes or goes.
    """

    def __init__(self) -> None:
        self.version = 0
        self._claims: dict[str, dict[Claim, Family]] = {}
        self._users: dict[Claim, int] = {}
        self._first: dict[Claim, User] = {}
        self._untyped: dict[str, set[User]] = {}
        self._held: dict[User, tuple[Family, ...]] = {}

    def conflicts(self, user: User, families: Iterable[Family]) -> dict[str, tuple[User, str]]:
        """Return the families that do not fit what others have declared.

        Args:
            user: who wants them; what it holds alone is no obstacle to it.
            families: what it would hold.

        Returns:
            By name: who declared the name first, and what it is.
        """
        own = {_claim(family) for family in self._held.get(user, ())}
        found: dict[str, tuple[User, str]] = {}
        for family in families:
            mine = _claim(family)
            for name in family.sample_names:
                for claim in self._claims.get(name, ()):
                    alone = claim in own and self._users[claim] == 1
                    if claim == mine or alone or mine[1] == "unknown":
                        continue
                    message = f"{name} is in use by the {claim[1]} {claim[0]}"
                    found.setdefault(family.name, (self._declarer(claim, user), message))
        return found

    def _declarer(self, claim: Claim, asking: User) -> User:
        first = self._first[claim]
        if first != asking and claim in map(_claim, self._held.get(first, ())):
            return first
        for user, families in self._held.items():
            if user != asking and claim in map(_claim, families):
                self._first[claim] = user
                return user
        return first

    def declared(self, family: Family) -> Family | None:
        """Return the declared family that has a sample name of an untyped one, if there is any."""
        for name in family.sample_names:
            for known in self._claims.get(name, {}).values():
                return known
        return None

    def hold(self, user: User, families: tuple[Family, ...]) -> set[User]:
        """Note that ``user`` now holds exactly these families (none: it is gone).

        Returns:
            Others who hold an untyped family whose name was declared, or is not declared any more.
        """
        before = self._held.pop(user, ())
        if families:
            self._held[user] = families
        was, now = set(map(_claim, before)), set(map(_claim, families))
        touched: set[User] = set()
        for family in before:
            if _claim(family) not in now:
                touched |= self._leave(user, family)
        for family in families:
            if _claim(family) not in was:
                touched |= self._enter(user, family)
        return touched - {user}

    def _enter(self, user: User, family: Family) -> set[User]:
        claim = _claim(family)
        if claim[1] == "unknown":
            self._untyped.setdefault(family.name, set()).add(user)
            return set()
        self._users[claim] = self._users.get(claim, 0) + 1
        if self._users[claim] > 1:
            return set()
        self.version += 1
        self._first[claim] = user
        for name in family.sample_names:
            self._claims.setdefault(name, {})[claim] = family
        return self._yielding(family)

    def _leave(self, user: User, family: Family) -> set[User]:
        claim = _claim(family)
        if claim[1] == "unknown":
            users = self._untyped.get(family.name, set())
            users.discard(user)
            if not users:
                self._untyped.pop(family.name, None)
            return set()
        self._users[claim] -= 1
        if self._users[claim]:
            return set()
        self.version += 1
        del self._users[claim], self._first[claim]
        for name in family.sample_names:
            of_name = self._claims.get(name, {})
            of_name.pop(claim, None)
            if not of_name:
                self._claims.pop(name, None)
        return self._yielding(family)

    def _yielding(self, family: Family) -> set[User]:
        found: set[User] = set()
        for name in family.sample_names:
            found |= self._untyped.get(name, set())
        return found


def _claim(family: Family) -> Claim:
    return family.name, kind_of(family)
