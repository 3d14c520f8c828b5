"""Third-party metrics: what other libraries count with prometheus_client, for our snapshot."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dreamos_metrics.metrics.errors import record_error
from dreamos_metrics.metrics.names import GROUPING, clean_value, escape
from dreamos_metrics.metrics.openmetrics import comment_lines
from dreamos_metrics.metrics.prometheus_registry import is_ours, third_party_collectors
from dreamos_metrics.push.inherited import Inherited

#: Aggregates of gauges whose sum over an agent's processes would be nonsense.
_AGGREGATES = {
    "process_start_time_seconds": "min",
    "process_max_fds": "max",
    "python_info": "max",
}
#: Counters that begin with the process, of collectors that do not say so.
_PROCESS_COUNTERS = {
    "process_cpu_seconds",
    "python_gc_collections",
    "python_gc_objects_collected",
    "python_gc_objects_uncollectable",
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "summary": ("", "_count", "_sum", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "info": ("_info",),
    "stateset": ("",),
    "unknown": ("",),
}
TOTALS = ("counter", "summary", "histogram")
#: For so many snapshots in a row the last known gauges of a collector that fails are repeated. Its
#: totals are repeated as long as it is registered: they were counted.
_GAUGES_REPEATED = 3


class ThirdPartyFamily(NamedTuple):
    """A family's comment lines, the parts of its sample lines before the values, and the values."""

    name: str
    kind: str
    comment: str
    lines: list[str]
    values: list[float]

    @property
    def size(self) -> int:
        """How many sample lines it has."""
        return len(self.lines)


class _Known:
    """What a collector said last, and how often it has failed since."""

    def __init__(self, collector: Any) -> None:
        self.collector = collector  # held, so that its number is not given to another one
        self.families: dict[str, ThirdPartyFamily] = {}
        self.failures = 0

    def repeated(self) -> Iterator[ThirdPartyFamily]:
        for family in self.families.values():
            if family.kind in TOTALS or self.failures <= _GAUGES_REPEATED:
                yield family


class ThirdPartyMetrics:
    """Every family of prometheus_client's registry that is not ours, snapshot by snapshot."""

    def __init__(self) -> None:
        #: What a forked process inherited of its parent's counts; it is taken off.
        self.inherited = Inherited()
        #: Longest label value that the service takes.
        self.longest_value = 0
        #: Whether collectors that are unregistered from now on are repeated: the process ends, and
        #: their library ends before us.
        self.ending = False
        #: What another incarnation of this process has reported, by family and line.
        self._reported: dict[str, dict[str, float]] = {}
        self._known: dict[int, _Known] = {}

    def count_from(self, reported: Sequence[ThirdPartyFamily], earlier: ThirdPartyMetrics) -> None:
        """Report only what comes after `reported`, the last word of an earlier incarnation."""
        self.inherited = earlier.inherited
        self.longest_value = earlier.longest_value
        for family in reported:
            if family.kind in TOTALS:
                before = earlier._reported.get(family.name, {})
                self._reported[family.name] = {
                    line: value + before.get(line, 0.0)
                    for line, value in zip(family.lines, family.values, strict=True)
                    if _is_total(family, line)
                }

    def totals_before(self) -> list[ThirdPartyFamily]:
        """Return the totals of the snapshot before, without asking anybody."""
        known = list(self._known.values())
        return [f for state in known for f in list(state.families.values()) if f.kind in TOTALS]

    def collect(self) -> list[ThirdPartyFamily]:
        """Return the families of now.

        A collector that raises is counted (reason `foreign_collector`); what it said last is
        repeated, so that its totals do not seem to end. One that was unregistered is forgotten.
        """
        result: list[ThirdPartyFamily] = []
        seen: set[str] = set()
        known: dict[int, _Known] = {}
        for collector in third_party_collectors():
            state = self._known.get(id(collector)) or _Known(collector)
            known[id(collector)] = state
            for family in self._families_of(collector, state):
                if family.name not in seen and family.lines:
                    seen.add(family.name)
                    result.append(family)
        if self.ending:
            for number, state in self._known.items():
                if number not in known:
                    known[number] = state
                    result += [f for f in state.families.values() if f.name not in seen]
        self._known = known
        return result

    def asks_others(self) -> bool:
        """Whether somebody's collector is asked that does not come with prometheus_client."""
        return any(
            not type(collector).__module__.startswith(("prometheus_client.", "dreamos_metrics."))
            for collector in third_party_collectors()
        )

    def _families_of(self, collector: Any, state: _Known) -> list[ThirdPartyFamily]:
        found: dict[str, ThirdPartyFamily] = {}
        try:
            mode = getattr(collector, "_multiprocess_mode", "")
            for metric in collector.collect():
                if metric.name not in found and not is_ours(metric.name):
                    found[metric.name] = self._family(metric, mode)
        except Exception as error:  # noqa: BLE001 - somebody else's code
            state.failures += 1
            record_error(
                "foreign_collector",
                f"{_shown(collector)}: {type(error).__name__}: {error}",
                about=_shown(collector),
            )
            for family in state.repeated():
                if not is_ours(family.name):
                    found.setdefault(family.name, family)
            return list(found.values())
        state.families, state.failures = found, 0
        return list(found.values())

    def _family(self, metric: Any, mode: str) -> ThirdPartyFamily:
        lines: dict[str, float] = {}
        if metric.type in _SUFFIXES and _NAME.match(metric.name):
            samples = [
                sample
                for sample in metric.samples
                if sample.name.removeprefix(metric.name) in _SUFFIXES[metric.type]
            ]
            for sample, value in self.inherited.own_values(metric, samples):
                self._add(lines, metric, sample, value)
        reported = self._reported.get(metric.name)
        if reported is not None:
            if any(value < reported.get(line, 0.0) for line, value in lines.items()
                   if not _is_sum(line)):  # fmt: skip
                del self._reported[metric.name]  # it began anew
            else:
                lines = {line: value - reported.get(line, 0.0) for line, value in lines.items()}
        aggregate = _AGGREGATES.get(metric.name, mode.removeprefix("live"))
        if metric.type != "gauge" or aggregate not in ("min", "max", "mostrecent"):
            aggregate = ""
        comment = comment_lines(metric.name, metric.type, metric.documentation or "", "", aggregate)
        return ThirdPartyFamily(
            metric.name, metric.type, comment, list(lines), list(lines.values())
        )

    def _add(self, lines: dict[str, float], metric: Any, sample: Any, value: float) -> None:
        prefix = self._prefix(sample)
        if not prefix:
            return
        if prefix in lines and metric.type in TOTALS and not _is_created(prefix):
            value += lines[prefix]  # two whose label values are alike as far as the service goes
        lines[prefix] = value
        if metric.name in _PROCESS_COUNTERS:
            lines[prefix.replace("_total", "_created", 1)] = _process_started

    def _prefix(self, sample: Any) -> str:
        labels = []
        for name, value in sample.labels.items():
            if not _NAME.match(name) or ":" in name:
                return ""
            # The URL of the push sets these; two series that differ only there would become one.
            shown = f"exported_{name}" if name in GROUPING else name
            text = clean_value(value)
            if self.longest_value and len(text) > self.longest_value:
                record_error("over_limit", f"a label value of {sample.name}", about=sample.name)
                text = text[: self.longest_value]
            labels.append(f'{shown}="{escape(text)}"')
        return f"{sample.name}{{{','.join(labels)}}}" if labels else str(sample.name)


def _is_created(line: str) -> bool:
    return line.partition("{")[0].endswith("_created")


def _is_sum(line: str) -> bool:
    return line.partition("{")[0].endswith("_sum")


def _is_total(family: ThirdPartyFamily, line: str) -> bool:
    suffix = line.partition("{")[0].removeprefix(family.name)
    return suffix in ("_total", "_count", "_sum", "_bucket")


def _shown(collector: Any) -> str:
    try:
        return repr(collector)[:200]
    except Exception:  # noqa: BLE001 - somebody else's code
        return type(collector).__name__


def within(
    families: Sequence[ThirdPartyFamily], most_new: int, taken: Mapping[str, int]
) -> list[ThirdPartyFamily]:
    """Return the families that fit in; the others are counted and left out.

    Args:
        families: all of them.
        most_new: lines that each may have beside those that the service has taken.
        taken: how many those are, by family.
    """
    kept = []
    for family in families:
        if family.size - taken.get(family.name, 0) <= most_new:
            kept.append(family)
        else:
            detail = f"{family.name} has {family.size} lines; there is room for {most_new}"
            record_error("over_limit", detail, about=family.name)
    return kept


_process_started = time.time()


def reset_start_time() -> None:
    """Note that the process began now: in a forked one."""
    global _process_started
    _process_started = time.time()
