"""What all metric types share: declaration, labels, removal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._family import REGISTRY, Family, Series
from dreamos.core.metrics._names import caller, clean_value, full_name, label_names

S = TypeVar("S", bound=Series)


class Default:
    """Stands for prometheus_client's global registry until that is needed."""


DEFAULT = Default()


class Labelled(Generic[S]):
    """A metric that may have labels. Mixed into each type; ``S`` is the type of its series."""

    __slots__ = ()

    # The slots belong to the concrete classes: two bases with slots cannot be combined.
    _children: dict[Any, S]
    _by_name: dict[Any, S]
    _pick: Any
    _width: int
    _family: Family

    def labels(self, *values: object, **named: object) -> S:
        """Return the series with these label values, given in order or by name.

        Keep the result where speed matters: recording on it is several times faster than looking it up.
        Values are turned into text. Wrong labels are counted (reason ``wrong_labels``) and answered with a
        series that is never shown; this call never raises.
        """
        try:
            if not named:
                return self._children[values]
            if len(named) == self._width and not values:
                pick = self._pick  # a local name: CPython calls it faster than an attribute
                return self._by_name[pick(named)]
        except (KeyError, TypeError):
            pass
        found: S = self._family.find(values, named)
        return found

    def _tagged(self, tags: Mapping[str, object]) -> S:
        """Return the series for a mapping of label names to values."""
        try:
            if len(tags) == self._width:
                pick = self._pick
                return self._by_name[pick(tags)]
        except (KeyError, TypeError):
            pass
        if not self._width and isinstance(tags, Mapping) and not tags:
            root: S = self._family.root
            return root
        found: S = self._family.find((), _as_mapping(tags))
        return found

    def remove(self, *values: object) -> None:
        """Stop showing the series with these label values; an unknown one is ignored."""
        try:
            self._family.remove(tuple(clean_value(value) for value in values))
        except Exception as error:  # noqa: BLE001 - a value whose __str__ raises
            record_error("wrong_labels", f"remove: {type(error).__name__}: {error}")

    def clear(self) -> None:
        """Stop showing every labelled series of this metric."""
        self._family.clear()


def _as_mapping(tags: object) -> Mapping[str, object]:
    # An empty or odd thing must not look like "no labels given".
    return tags if isinstance(tags, Mapping) and tags else {"": tags}


def declare(
    cls: type[Any],
    series_type: type[Series],
    kind: str,
    name: str,
    documentation: object,
    labelnames: Iterable[str],
    *,
    namespace: str = "",
    subsystem: str = "",
    unit: str = "",
    bounds: tuple[float, ...] = (),
    aggregate: str = "",
    registry: Any = DEFAULT,
) -> Any:
    """Return the metric of this name: the one declared before, or a new one.

    ``Counter(name, ["label"])``, without a description, is understood too.

    Raises:
        ValueError: a name is not allowed, or is declared already as something else (by us or in
            prometheus_client's registry). Both places are named.
    """
    if not isinstance(documentation, str):
        if tuple(labelnames):
            raise ValueError(f"{name}: the description must be text")
        documentation, labelnames = "", documentation
    family = Family(
        full_name(kind, name, namespace, subsystem, unit),
        kind,
        str(documentation),
        label_names(kind, labelnames),
        unit=unit,
        bounds=bounds,
        aggregate=aggregate,
        place=caller(),
    )
    with REGISTRY.lock:
        known = REGISTRY.declare(family)
        if known is not family:
            return known.root
        try:
            return _build(cls, series_type, family, registry)
        except BaseException:
            del REGISTRY.families[family.name]
            raise


def _build(cls: type[Any], series_type: type[Series], family: Family, registry: Any) -> Any:
    family.series_type = series_type
    root = object.__new__(cls)
    root._bind(family, ())
    root._children = family.children
    root._by_name = family.by_name
    root._pick = family.pick
    root._width = len(family.labelnames)
    family.root = root
    from dreamos.core.metrics._bridge import register

    register(family, registry)
    if not family.labelnames:
        REGISTRY.give_birth(root)
    return root
