"""Tables: the newest value of each series, one row per thing, with several queries side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.dashboards.jsons import Json
from tools.dashboards.links import to_agent_of_row
from tools.dashboards.palette import NO_STEPS, Steps
from tools.dashboards.panels import Query, override, panel_of


@dataclass(frozen=True)
class Column:
    """One column of a table: the label (or `Value`) it shows, its heading, its look."""

    field: str
    heading: str
    unit: str = "string"
    width: int | None = None
    decimals: int | None = None
    texts: Mapping[str, tuple[str, str]] | None = None
    steps: Steps = ()


def table(
    title: str,
    description: str,
    queries: Query | Sequence[Query],
    *columns: Column,
    none: str,
    sort_by: str,
    descending: bool = True,
) -> Json:
    """Return a table of what `queries` say now; labels that are no column are hidden.

    It is sorted by the column `sort_by`, the worst above. A row with an agent leads to its board.

    One query fills the column `Value`; of several, the rows with the same labels are joined and the
    values are called `Value #A`, `Value #B`, ... in their order.
    """
    asked = [queries] if isinstance(queries, Query) else list(queries)
    panel = panel_of("table", title, description, "string", asked, NO_STEPS)
    for target in panel["targets"]:
        target.update(format="table", instant=True, range=False)
    panel["fieldConfig"]["defaults"].update(
        noValue=none,
        custom={
            "align": "left",
            "cellOptions": {"type": "auto"},
            "inspect": False,
            # Grafana's own, 150, pushes the last columns out of the panel on a laptop.
            "minWidth": 60,
        },
    )
    panel["fieldConfig"]["overrides"] = [_column(column) for column in columns]
    panel["transformations"] = _joined(asked) + _kept(columns)
    sort = [{"displayName": sort_by, "desc": descending}]
    panel["options"] = {"showHeader": True, "cellHeight": "sm", "sortBy": sort}
    return panel


def _joined(queries: Sequence[Query]) -> list[Json]:
    return [{"id": "merge", "options": {}}] if len(queries) > 1 else []


def _kept(columns: Sequence[Column]) -> list[Json]:
    names = [column.field for column in columns]
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": names}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(names)},
                "renameByName": {column.field: column.heading for column in columns},
            },
        },
    ]


def _column(column: Column) -> Json:
    # Without a text of its own an empty cell would show the one of the empty table.
    properties: Json = {"unit": column.unit, "noValue": "-"}
    if column.field == "agent":
        properties["links"] = [to_agent_of_row()]
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.width:
        properties["custom.width"] = column.width
    if column.texts:
        options = {
            value: {"text": text, "color": color, "index": index}
            for index, (value, (text, color)) in enumerate(column.texts.items())
        }
        properties["mappings"] = [{"type": "value", "options": options}]
    if column.steps:
        steps = [{"value": value, "color": color} for value, color in column.steps]
        properties["thresholds"] = {"mode": "absolute", "steps": steps}
    if column.texts or column.steps:
        properties["color"] = {"mode": "thresholds"}
        properties["custom.cellOptions"] = {"type": "color-text"}
    return override(column.heading, **properties)
