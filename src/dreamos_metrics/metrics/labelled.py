"""Labels of a metric: choosing, removing and clearing its series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import Family, Series
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.names import clean_value

S = TypeVar("S", bound=Series)


class Labelled(Generic[S]):
    """A metric that may have labels. Mixed into each type; `S` is the type of its series."""

    __slots__ = ()

    # The slots belong to the concrete classes: two bases with slots cannot be combined.
    _children: dict[Any, S]
    _by_name: dict[Any, S]
    _label_getter: Any
    _label_count: int
    _family: Family

    def labels(self, *values: object, **named: object) -> S:
        """Return the series with these label values, given in order or by name.

        Keep the result where speed matters: recording on it is several times faster than looking it
        up. Values are turned into text. Wrong labels are counted (reason `wrong_labels`) and
        answered with a series that is never shown; this call never raises.
        """
        try:
            if not named:
                return self._children[values]
            if len(named) == self._label_count and not values:
                getter = (
                    self._label_getter
                )  # a local name: CPython calls it faster than an attribute
                return self._by_name[getter(named)]
        except (KeyError, TypeError):
            pass
        found: S = self._family.find(values, named)
        return found

    def _tagged(self, tags: Mapping[str, object]) -> S:
        """Return the series for a mapping of label names to values."""
        try:
            if len(tags) == self._label_count:
                getter = self._label_getter
                return self._by_name[getter(tags)]
        except (KeyError, TypeError):
            pass
        if not self._label_count and isinstance(tags, Mapping) and not tags:
            root: S = self._family.root
            return root
        found: S = self._family.find((), _as_mapping(tags))
        return found

    @tolerant
    def remove(self, *values: object) -> None:
        """Stop showing the series with these label values; an unknown one is ignored."""
        try:
            self._family.remove(tuple(clean_value(value) for value in values))
        except Exception as error:  # noqa: BLE001 - a value whose __str__ raises
            detail = f"remove: {type(error).__name__}: {error}"
            record_error("wrong_labels", detail, about=self._family.name)

    def clear(self) -> None:
        """Stop showing every labelled series of this metric."""
        self._family.clear()


def _as_mapping(tags: object) -> Mapping[str, object]:
    # An empty or odd thing must not look like "no labels given".
    return tags if isinstance(tags, Mapping) and tags else {"": tags}
