"""The dashboards are what the generator writes, and each is whole: ids, places, units, words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.tooling import DEPLOY, ROOT
from tools.dashboards.__main__ import EXAMPLE, PROVISIONED, dashboards, generated, stale
from tools.dashboards.model import COLUMNS, Row
from tools.dashboards.panels import Query, stat

DOCUMENTS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / PROVISIONED).glob("*.json"))
}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, document in DOCUMENTS.items()
    for panel in document["panels"]
    if panel["type"] != "row"
]
# Kinds that Grafana 10.4 to 13 all have; graph, singlestat and table-old are gone or going.
KINDS = {"stat", "timeseries", "bargauge", "table"}


def walk(value: Any) -> list[dict[str, Any]]:
    """Return every object inside a JSON value."""
    if isinstance(value, list):
        return [found for item in value for found in walk(item)]
    if isinstance(value, dict):
        return [value] + [found for item in value.values() for found in walk(item)]
    return []


def test_the_committed_files_are_what_the_generator_writes() -> None:
    assert [] == stale(ROOT)


def test_a_changed_a_missing_and_a_foreign_file_are_told(tmp_path: Path) -> None:
    for path, text in generated().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert [] == stale(tmp_path)

    (tmp_path / EXAMPLE).unlink()
    (tmp_path / PROVISIONED / "overview.json").write_text("{}\n")
    (tmp_path / PROVISIONED / "stranger.json").write_text("{}\n")

    assert {
        f"{EXAMPLE} is not what the generator writes",
        f"{PROVISIONED}/overview.json is not what the generator writes",
        f"{PROVISIONED}/stranger.json has no generator",
    } == set(stale(tmp_path))


def test_uids_and_titles_are_unique_and_uids_stay_as_they_are() -> None:
    uids = [document["uid"] for document in DOCUMENTS.values()]

    assert len(uids) == len({document["title"] for document in DOCUMENTS.values()})
    # Grafana 13 keeps the old uid when one changes, and links would lead nowhere: only add.
    assert {
        "dreamos-overview",
        "dreamos-agents",
        "dreamos-agent",
        "dreamos-performance",
        "dreamos-files",
        "dreamos-host",
        "dreamos-workspaces",
        "dreamos-health",
        "dreamos-alerts",
        "dreamos-stack",
    } == set(uids)
    assert [f"dreamos-{name.removesuffix('.json')}" for name in DOCUMENTS] == uids


@pytest.mark.parametrize("name", DOCUMENTS)
def test_panel_ids_are_unique(name: str) -> None:
    ids = [panel["id"] for panel in DOCUMENTS[name]["panels"]]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_panels_neither_overlap_nor_leave_the_grid(name: str) -> None:
    cells = [
        (x, y)
        for panel in DOCUMENTS[name]["panels"]
        for grid in [panel["gridPos"]]
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]

    assert len(cells) == len(set(cells))
    assert COLUMNS == 1 + max(x for x, _y in cells)


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["type"] in KINDS
    assert panel["title"]
    assert 30 < len(panel["description"])
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


@pytest.mark.parametrize("panel", PANELS)
def test_every_query_has_a_letter_of_its_own_and_a_name_for_its_series(
    panel: dict[str, Any],
) -> None:
    letters = [target["refId"] for target in panel["targets"]]

    assert len(letters) == len(set(letters))
    if panel["type"] in {"timeseries", "bargauge"}:
        assert "__auto" not in [target["legendFormat"] for target in panel["targets"]]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_data_source_is_the_chosen_one_and_at_first_the_provisioned_one(name: str) -> None:
    provisioned = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/dreamos.yml").read_text()
    )
    uids = {source["uid"] for source in provisioned["datasources"]}

    used = {found["datasource"]["uid"] for found in walk(DOCUMENTS[name]) if "datasource" in found}
    choices = {item["name"]: item for item in DOCUMENTS[name]["templating"]["list"]}

    assert {"${datasource}"} == used
    assert choices["datasource"]["current"]["value"] in uids
    assert "${DS_" not in json.dumps(DOCUMENTS[name])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_variables_that_are_used_are_declared(name: str) -> None:
    declared = [item["name"] for item in DOCUMENTS[name]["templating"]["list"]]

    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(DOCUMENTS[name]))) - {"datasource"}

    assert ["datasource", "job", "agent", "interval"] == declared
    assert used <= set(declared)


def test_the_example_can_be_imported_beside_the_provisioned_one() -> None:
    example = json.loads((ROOT / EXAMPLE).read_text(encoding="utf-8"))

    # The bare model: Grafana's page refuses one wrapped in a "dashboard" key.
    assert "dashboard" not in example
    assert None is example["id"]
    assert "dreamos-overview-example" == example["uid"]
    assert example["title"] not in {document["title"] for document in DOCUMENTS.values()}
    assert "${datasource" not in json.dumps(example)
    [asked] = example["__inputs"]
    assert ("datasource", "prometheus") == (asked["type"], asked["pluginId"])
    used = {found["datasource"]["uid"] for found in walk(example) if "datasource" in found}
    assert {f"${{{asked['name']}}}"} == used


def test_the_provider_reads_the_folder_outside_provisioning_and_forbids_saving() -> None:
    text = (DEPLOY / "grafana/provisioning/dashboards/dreamos.yml").read_text()
    [provider] = yaml.safe_load(text)["providers"]

    assert provider["allowUiUpdates"] is False
    assert "/var/lib/dreamos/dashboards" == provider["options"]["path"]


def test_data_sources_have_the_uids_that_links_name_and_the_scrape_interval() -> None:
    text = (DEPLOY / "grafana/provisioning/datasources/dreamos.yml").read_text()
    sources = {source["uid"]: source for source in yaml.safe_load(text)["datasources"]}

    assert {"dreamos-prometheus", "dreamos-alertmanager"} == set(sources)
    assert "${SCRAPE_INTERVAL}" == sources["dreamos-prometheus"]["jsonData"]["timeInterval"]


def test_alerts_link_to_dashboards_that_exist() -> None:
    uids = {item.uid for item in dashboards()}
    linked = {
        rule["annotations"]["dashboard_url"].split("/d/")[1].split("?")[0]
        for path in (DEPLOY / "prometheus/alerts").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    assert linked
    assert linked <= uids


def test_a_row_that_does_not_fill_the_grid_is_refused() -> None:
    panel = stat("Title", "What it shows, in words.", "short", Query("up"), none="Nothing")

    with pytest.raises(ValueError, match="do not fill 24 columns"):
        Row([panel], to="dreamos-agents", widths=[12])
