"""Info: facts in words, such as a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dreamos.core.metrics._cells import Cells
from dreamos.core.metrics._counter import _writable
from dreamos.core.metrics._errors import record_error
from dreamos.core.metrics._family import REGISTRY, Series
from dreamos.core.metrics._metric import DEFAULT, Labelled, declare
from dreamos.core.metrics._names import clean_value, label_names


class InfoSeries(Series):
    """One series of an info; what `Info.labels` returns."""

    __slots__ = ()

    def info(self, facts: Mapping[str, object]) -> None:
        """Replace the facts. A name that is not allowed is counted (reason ``wrong_labels``). Never raises."""
        try:
            names = label_names("info", facts)
            if set(names) & set(self._family.labelnames):
                record_error("wrong_labels", f"{self._family.describe()}: {names} overlaps")
            elif _writable(self):
                clean = {name: clean_value(facts[name]) for name in names}
                with REGISTRY.lock:
                    if self._family.texts.get(self) != clean:
                        self._family.texts[self] = clean
                        REGISTRY.generation += 1
        except Exception as error:  # noqa: BLE001 - recording never raises
            record_error("wrong_labels", f"{self._family.describe()}: {error}")

    def _begin(self, cells: Cells, slot: int) -> None:
        self._slot = slot
        self._cells = cells


class Info(InfoSeries, Labelled[InfoSeries]):
    """Facts in words about the process: version, model, configuration. Shown as a gauge of 1 with labels.

    Arguments and errors are those of `Counter`; ``_info`` is added to the name when it is missing.
    """

    __slots__ = ("_by_name", "_children", "_pick", "_width")

    def __new__(
        cls,
        name: str,
        documentation: str | Iterable[str] = "",
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        registry: Any = DEFAULT,
    ) -> Info:
        """Return the info of this name."""
        metric: Info = declare(
            cls,
            InfoSeries,
            "info",
            name,
            documentation,
            labelnames,
            namespace=namespace,
            subsystem=subsystem,
            registry=registry,
        )
        return metric

    def info(
        self, facts: Mapping[str, object], *, tags: Mapping[str, object] | None = None
    ) -> None:
        """Replace the facts, of the series with the label values in ``tags``. Never raises."""
        if tags is None:
            InfoSeries.info(self, facts)
        else:
            self._tagged(tags).info(facts)
