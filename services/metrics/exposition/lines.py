"""What stands before the values of a view: one prefix for each series, made once."""

from __future__ import annotations

import weakref

from services.metrics.series.series_list import SeriesList

_EMPTY_INSTANCE = 'instance=""'


def label_block(prefix: str, labels: str) -> str:
    """Join the group's labels and a series' own.

    Args:
        prefix: the group's labels, perhaps with an empty instance at the end.
        labels: the series' own, ``a="1",b="2"``.
    """
    if not labels:
        return prefix
    if has_instance(labels):
        prefix = without_instance(prefix)
    return f"{prefix},{labels}" if prefix else labels


def without_instance(prefix: str) -> str:
    """Return the group's labels without the empty instance at their end."""
    if prefix.endswith(_EMPTY_INSTANCE):
        return prefix[: -len(_EMPTY_INSTANCE)].rstrip(",")
    return prefix


def has_instance(labels: str) -> bool:
    """Tell whether a series has an instance of its own."""
    return labels.startswith('instance="') or ',instance="' in labels


def prefixes(prefix: str, series: SeriesList) -> list[bytes]:
    """Return ``\\nname{labels} `` for every series; the value follows."""
    simple = "instance=" not in "".join(series.labels)
    result = []
    for name, labels in zip(series.names, series.labels, strict=True):
        if simple:
            block = f"{prefix},{labels}" if prefix and labels else prefix or labels
        else:
            block = label_block(prefix, labels)
        result.append(f"\n{name}{{{block}}} ".encode() if block else f"\n{name} ".encode())
    return result


class PrefixCache:
    """The prefixes of every view, kept for as long as its list of series stays the same."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[weakref.ref[SeriesList], str, list[bytes]]] = {}

    def get(self, key: object, prefix: str, series: SeriesList) -> list[bytes]:
        """Return the prefixes of the view ``key``."""
        known = self._known.get(key)
        if known is not None and known[0]() is series and known[1] == prefix:
            return known[2]
        made = prefixes(prefix, series)
        self._known[key] = (weakref.ref(series), prefix, made)
        return made

    def keep_only(self, keys: set[object]) -> None:
        """Forget the views that are gone."""
        for key in self._known.keys() - keys:
            del self._known[key]
