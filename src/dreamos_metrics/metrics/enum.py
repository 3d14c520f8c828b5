"""Enum: which one of a few states something is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import Series, ensure_allocated
from dreamos_metrics.metrics.labelled import Labelled
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.prometheus_registry import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from typing_extensions import Self


class EnumSeries(Series):
    """One series of an enum; what `Enum.labels` returns. Its slot: the index of the state."""

    __slots__ = ()

    def state(self, state: str) -> None:
        """Set the state; one that was not declared is an error `wrong_value`. Never raises."""
        family = self._family
        try:
            index = float(family.states.index(state))
            if ensure_allocated(self):
                self._segment[self._slot] = index
        except Exception as error:  # noqa: BLE001 - recording never raises
            detail = f"{family.describe()}: {error}; the states are {', '.join(family.states)}"
            record_error("wrong_value", detail, about=family.name)


class Enum(EnumSeries, Labelled[EnumSeries]):
    """Which one of a few states something is in; the first one until it is set.

    Shown as one series for each state, with a label that has the name of the metric: 1 for the
    state it is in, 0 for the others. Of several processes of an agent, a state is 1 where one is in
    it.

    Arguments are those of `Labelled`, and:
        states: the states, at least one, each once.

    Raises:
        ValueError: at declaration only: bad names or states, or the name is taken by something
            else.
    """

    __slots__ = ("_by_name", "_children", "_label_count", "_label_getter")

    _kind = "stateset"
    _series_type = EnumSeries

    def __new__(
        cls,
        name: str,
        documentation: str | Iterable[str] = "",
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Any = DEFAULT_REGISTRY,
        states: Sequence[str] = (),
    ) -> Self:
        """Return the enum of this name."""
        return cls._declare(
            name, documentation, labelnames, namespace, subsystem, unit, registry,
            states=_checked_states(name, states),
        )  # fmt: skip

    @tolerant
    def state(self, state: str, tags: Mapping[str, object] | None = None) -> None:
        """Set the state, or that of the series with the label values in `tags`. Never raises."""
        if tags is None:
            EnumSeries.state(self, state)
        else:
            self._tagged(tags).state(state)


def _checked_states(name: str, states: Sequence[str]) -> tuple[str, ...]:
    if isinstance(states, str) or not states or not all(isinstance(each, str) for each in states):
        raise ValueError(f"{name}: states must be a list of texts, such as ['idle', 'busy']")
    if len(set(states)) != len(states):
        raise ValueError(f"{name}: a state occurs twice in {list(states)}")
    return tuple(states)
