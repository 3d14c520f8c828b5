"""Metric that may have labels: its declaration, and choosing, removing and showing its series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from prometheus_client.core import Metric

from dreamos_metrics.metrics.declaration import declare
from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import Family, Series
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.names import clean_value
from dreamos_metrics.metrics.prometheus_registry import DEFAULT_REGISTRY, collect, empty_metric

if TYPE_CHECKING:
    from typing_extensions import Self

S = TypeVar("S", bound=Series)


class Labelled(Generic[S]):
    """A metric that may have labels. Mixed into each type; `S` is the type of its series.

    Args:
        name: such as `"tasks_total"`; a counter's `_total` and an info's `_info` are added when they
            are missing.
        documentation: one sentence for the people who will read the graph.
        labelnames: names of the labels; few values each, never an id, a path or a text.
        namespace, subsystem, unit: joined into the name, as in prometheus_client.
        registry: a prometheus_client registry, None for none; default its global one.

    Raises:
        ValueError: at declaration only: a bad name, or the name is taken by something else.
    """

    __slots__ = ()

    _kind: ClassVar[str]
    _series_type: ClassVar[type[Series]]
    #: A class for this type without labels, where one is faster.
    _unlabelled: ClassVar[type[Any] | None] = None

    # The slots belong to the concrete classes: two bases with slots cannot be combined.
    _children: dict[Any, S]
    _by_name: dict[Any, S]
    _label_getter: Any
    _label_count: int
    _family: Family

    def __new__(
        cls,
        name: str,
        documentation: str | Iterable[str] = "",
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Any = DEFAULT_REGISTRY,
    ) -> Self:
        """Return the metric of this name."""
        return cls._declare(name, documentation, labelnames, namespace, subsystem, unit, registry)

    @classmethod
    def _declare(
        cls,
        name: str,
        documentation: str | Iterable[str],
        labelnames: Iterable[str],
        namespace: str,
        subsystem: str,
        unit: str,
        registry: Any,
        **more: Any,
    ) -> Self:
        metric: Self = declare(
            cls,
            cls._series_type,
            cls._kind,
            name,
            documentation,
            labelnames,
            namespace=namespace,
            subsystem=subsystem,
            unit=unit,
            registry=registry,
            **more,
        )
        return metric

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
        """Stop showing the series with these label values; an unknown one is ignored.

        A gauge is gone, here and at the service. What was counted stays in the total of the agent,
        which never falls; only in this process it begins at zero.
        """
        try:
            self._family.remove(tuple(clean_value(value) for value in values))
        except Exception as error:  # noqa: BLE001 - a value whose __str__ raises
            detail = f"remove: {type(error).__name__}: {error}"
            record_error("wrong_labels", detail, about=self._family.name)

    @tolerant
    def remove_by_labels(self, labels: Mapping[str, object]) -> None:
        """Stop showing every series that has these label values, whatever its others are."""
        family = self._family
        try:
            wanted = {
                family.labelnames.index(name): clean_value(value) for name, value in labels.items()
            }
        except Exception as error:  # noqa: BLE001 - an unknown name, no mapping, no text
            detail = f"remove_by_labels: {type(error).__name__}: {error}"
            record_error("wrong_labels", detail, about=family.name)
            return
        for key in list(family.children) if wanted else ():
            if all(key[index] == value for index, value in wanted.items()):
                family.remove(key)

    def clear(self) -> None:
        """Stop showing every labelled series of this metric, as `remove` does."""
        self._family.clear()

    def collect(self) -> Iterable[Metric]:
        """Return what this process shows of the metric, as a prometheus_client collector does."""
        return [collect(self._family)]

    def describe(self) -> Iterable[Metric]:
        """Return the metric without samples, as a prometheus_client collector does."""
        return [empty_metric(self._family)]


def _as_mapping(tags: object) -> Mapping[str, object]:
    # An empty or odd thing must not look like "no labels given".
    return tags if isinstance(tags, Mapping) and tags else {"": tags}
