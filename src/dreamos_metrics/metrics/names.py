"""Names of metrics and labels, and label values: what is legal and how it is written.

The rules are those of the Prometheus data model and of OpenMetrics 1.0: ASCII names, label values
in any UTF-8.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from prometheus_client.utils import floatToGoString

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")

#: Grouping labels of the push protocol; a metric that carried one would collide with the URL.
GROUPING = frozenset({"job", "agent", "incarnation"})

#: Longer label values are cut here. Ten thousand characters is the most that a test of the stack
#: promises.
MAX_LABEL_VALUE_CHARACTERS = 10_240


def full_name(kind: str, name: str, namespace: str, subsystem: str, unit: str) -> str:
    """Return the family's name: joined with `_`, without a counter's `_total`, with the unit at its
    end.

    Raises:
        ValueError: the name is empty or has a character that Prometheus does not allow, or a unit
            is given to words.
    """
    if not isinstance(name, str) or not name:
        raise ValueError("a metric needs a name, such as 'tasks_total'")
    joined = "_".join(part for part in (namespace, subsystem, name) if part)
    if kind in ("counter", "info"):
        joined = joined.removesuffix({"counter": "_total", "info": "_info"}[kind])
    if unit and kind in ("info", "stateset"):
        raise ValueError(f"{joined}: what is said in words has no unit")
    if unit and not joined.endswith("_" + unit):
        joined = f"{joined}_{unit}"
    if not _METRIC.match(joined):
        raise ValueError(
            f"metric name {joined!r}: only letters, digits, '_' and ':' are allowed, no digit first"
        )
    return joined


def label_names(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the label names as a tuple.

    Raises:
        ValueError: a name is not allowed, occurs twice, or is reserved (`le` in a histogram,
            `quantile` in a summary, the push protocol's `job`, `agent` and `incarnation`).
    """
    if isinstance(names, str):
        raise ValueError(f"labels must be a list of names, such as [{names!r}], not a string")  # noqa: TRY004
    result = tuple(names)
    reserved = {"histogram": {"le"}, "summary": {"quantile"}}.get(kind, set())
    for name in result:
        if not isinstance(name, str) or not _LABEL.match(name) or name.startswith("__"):
            raise ValueError(f"label name {name!r}: only letters, digits and '_' are allowed")
        if name in reserved or name in GROUPING:
            raise ValueError(f"label name {name!r} is reserved in a {kind}")
    if len(set(result)) != len(result):
        raise ValueError(f"a label name occurs twice in {list(result)}")
    return result


def clean_value(value: object) -> str:
    """Return `value` as the text of a label: valid UTF-8, at most `MAX_LABEL_VALUE_CHARACTERS`
    characters.

    Lone surrogates, which no UTF-8 text can hold, become U+FFFD. A string subclass counts as its
    text.
    """
    text = str.__str__(value) if isinstance(value, str) else str(value)
    if len(text) > MAX_LABEL_VALUE_CHARACTERS:
        text = text[:MAX_LABEL_VALUE_CHARACTERS]
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def escape(value: str) -> str:
    """Return a label value as it stands between the quotes of a text exposition."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


def label_pairs(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Return `a="x",b="y"` without the braces."""
    return ",".join(f'{n}="{escape(v)}"' for n, v in zip(names, values, strict=True))


def caller() -> str:
    """Return `file:line` of the nearest frame outside of this room: where a metric is declared."""
    package = __name__.rpartition(".")[0]
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module != package and not module.startswith(package + "."):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def format_bound(bound: float) -> str:
    """Return the upper bound of a bucket as prometheus_client writes it: `0.5`, `1.0`, `+Inf`."""
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text
