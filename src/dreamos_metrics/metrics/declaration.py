"""Declaration of a metric: the one of its name, made at most once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dreamos_metrics.metrics.family import REGISTRY, Family, Series
from dreamos_metrics.metrics.names import caller, full_name, label_names
from dreamos_metrics.metrics.prometheus_registry import (
    DEFAULT_REGISTRY,
    home,
    is_registered,
    register,
)


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
    states: tuple[str, ...] = (),
    registry: Any = DEFAULT_REGISTRY,
) -> Any:
    """Return the metric of this name: the one declared before, or a new one.

    `Counter(name, ["label"])`, without a description, is understood too.

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
        states=states,
        place=caller(),
    )
    if kind == "stateset" and family.name in family.labelnames:
        raise ValueError(f"{name}: the label {family.name!r} is the one for the state")
    family.home = home(registry)
    with REGISTRY.lock:
        before = REGISTRY.families.get(family.name)
        if before is not None and not is_registered(before):
            REGISTRY.forget(before)
        known = REGISTRY.declare(family)
        if known is family:
            _build(cls, series_type, family, registry)
        elif not is_registered(known):
            register(known, registry)
        return known.root


def _build(cls: type[Any], series_type: type[Series], family: Family, registry: Any) -> None:
    family.series_type = series_type
    # A subclass of the user's stays what it is.
    unlabelled = vars(cls).get("_unlabelled") or cls
    root = object.__new__(cls if family.labelnames else unlabelled)
    root._bind(family, ())
    root._children = family.children
    root._by_name = family.by_name
    root._label_getter = family.label_getter
    root._label_count = len(family.labelnames)
    family.root = root
    try:
        register(family, registry)
    except BaseException:
        REGISTRY.discard(family)
        raise
    if not family.labelnames:
        REGISTRY.allocate_slots(root)
