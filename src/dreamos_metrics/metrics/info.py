"""Info: facts in words, such as a version."""

from __future__ import annotations

from collections.abc import Mapping

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.family import REGISTRY, Series, ensure_allocated
from dreamos_metrics.metrics.labelled import Labelled
from dreamos_metrics.metrics.misuse import tolerant
from dreamos_metrics.metrics.names import clean_value, label_names


class InfoSeries(Series):
    """One series of an info; what `Info.labels` returns."""

    __slots__ = ()

    def info(self, facts: Mapping[str, object]) -> None:
        """Replace the facts; a name that is not allowed is an error `wrong_labels`. Never raises."""
        try:
            names = label_names("info", facts)
            if set(names) & set(self._family.labelnames):
                record_error(
                    "wrong_labels",
                    f"{self._family.describe()}: {names} overlaps",
                    about=self._family.name,
                )
            elif ensure_allocated(self):
                clean = {name: clean_value(facts[name]) for name in names}
                with REGISTRY.lock:
                    if self._family.texts.get(self) != clean:
                        self._family.texts[self] = clean
                        REGISTRY.generation += 1
        except Exception as error:  # noqa: BLE001 - recording never raises
            record_error(
                "wrong_labels", f"{self._family.describe()}: {error}", about=self._family.name
            )


class Info(InfoSeries, Labelled[InfoSeries]):
    """Facts in words about the process: version, model, configuration. Shown as a gauge of 1 with
    labels.

    Arguments and errors are those of `Labelled`; `_info` is added to the name when it is missing.
    """

    __slots__ = ("_by_name", "_children", "_label_count", "_label_getter")

    _kind = "info"
    _series_type = InfoSeries

    @tolerant
    def info(
        self, facts: Mapping[str, object], *, tags: Mapping[str, object] | None = None
    ) -> None:
        """Replace the facts, of the series with the label values in `tags`. Never raises."""
        if tags is None:
            InfoSeries.info(self, facts)
        else:
            self._tagged(tags).info(facts)
