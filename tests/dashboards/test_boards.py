"""What a person can rely on in every board: the same top, a way on, words for emptiness, limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.metrics.settings import Settings
from tests.rules.tooling import DEPLOY, ROOT
from tools.dashboards import agents, common
from tools.dashboards.__main__ import PROVISIONED, dashboards
from tools.dashboards.links import BOARDS
from tools.dashboards.model import Row
from tools.dashboards.panels import Query, stat
from tools.dashboards.thresholds import limit

Json = dict[str, Any]

DOCUMENTS: dict[str, Json] = {item.uid: item.document() for item in dashboards()}
PANELS = [
    pytest.param(uid, panel, id=f"{uid}: {panel['title']}")
    for uid, document in DOCUMENTS.items()
    for panel in document["panels"]
    if panel["type"] != "row"
]
TOP = ["Is it fine?", "Alerts that fire", "Agents", "Who is not", "Newest figures"]


def panels_of(uid: str, title: str) -> list[Json]:
    return [panel for panel in DOCUMENTS[uid]["panels"] if panel["title"] == title]


def steps_of(panel: Json) -> list[float | None]:
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def columns_of(panel: Json) -> dict[str, Json]:
    return {
        item["matcher"]["options"]: {one["id"]: one["value"] for one in item["properties"]}
        for item in panel["fieldConfig"]["overrides"]
    }


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_board_begins_with_the_same_row(uid: str) -> None:
    first = DOCUMENTS[uid]["panels"][: len(TOP)]
    home = DOCUMENTS["dreamos-overview"]["panels"][: len(TOP)]

    assert TOP == [panel["title"] for panel in first]
    assert [panel["targets"] for panel in home] == [panel["targets"] for panel in first]
    assert [panel["gridPos"] for panel in home] == [panel["gridPos"] for panel in first]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_every_panel_leads_to_another_board_with_time_and_choices(uid: str, panel: Json) -> None:
    [link] = panel["links"]
    target = link["url"].split("/d/")[1].split("?")[0]

    assert target in DOCUMENTS
    assert uid != target
    for kept in ("${__url_time_range}", "${job:queryparam}", "${agent:queryparam}"):
        assert kept in link["url"]


def test_the_names_of_boards_in_links_are_those_that_exist() -> None:
    assert set(DOCUMENTS) == set(BOARDS)


def test_a_row_that_leads_nowhere_is_refused() -> None:
    panel = stat("Title", "What it shows, in words.", "short", Query("up"), none="Nothing")

    with pytest.raises(ValueError, match="is no board"):
        Row([panel], to="dreamos-nowhere")


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_every_panel_says_what_it_means_when_it_is_empty(uid: str, panel: Json) -> None:
    assert panel["fieldConfig"]["defaults"]["noValue"]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_no_line_over_time_is_chosen_anew_at_every_step(uid: str, panel: Json) -> None:
    for target in panel["targets"]:
        chosen = "topk(" in target["expr"] or "bottomk(" in target["expr"]
        if target["range"] and chosen:
            assert "@ end()" in target["expr"]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_legends_have_values_bars_their_names_and_tables_an_order(uid: str, panel: Json) -> None:
    options = panel["options"]

    if panel["type"] == "timeseries":
        assert ["lastNotNull", "max"] == options["legend"]["calcs"]
    if panel["type"] == "bargauge":
        assert "left" == options["namePlacement"]
    if panel["type"] == "table":
        [order] = options["sortBy"]
        assert order["displayName"] in columns_of(panel)


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_an_agent_has_one_color_everywhere_and_leads_to_its_board(uid: str, panel: Json) -> None:
    legends = [target["legendFormat"] for target in panel["targets"]]
    defaults = panel["fieldConfig"]["defaults"]

    if panel["type"] == "timeseries" and legends == ["{{agent}}"]:
        assert "palette-classic-by-name" == defaults["color"]["mode"]
        assert ["labelsToFields"] == [one["id"] for one in panel["transformations"]]
        assert "/d/dreamos-agent?" in defaults["links"][0]["url"]
    if panel["type"] == "table" and "Agent" in columns_of(panel):
        assert "/d/dreamos-agent?" in columns_of(panel)["Agent"]["links"][0]["url"]


def test_panels_color_by_the_limits_of_the_alert_rules() -> None:
    [rates] = panels_of("dreamos-agents", "Work that fails, by agent")
    [space] = panels_of("dreamos-host", "Disks: space")

    assert 0.1 == limit("HighErrorRate")
    assert [None, 0.1] == steps_of(rates)
    assert 1 - limit("DiskAlmostFull") == steps_of(space)[-1]


def test_limits_leave_zeros_out_multiply_and_name_what_is_missing() -> None:
    assert 0.05 == limit("DiskAlmostFull")
    assert 4 * 3600 == limit("WorkspaceAgentSilent")
    with pytest.raises(ValueError, match="is called NoSuchAlert"):
        limit("NoSuchAlert")
    with pytest.raises(ValueError, match="none at 7"):
        limit("HighErrorRate", 7)


def test_silence_and_standstill_are_judged_as_the_service_and_the_rules_judge_them() -> None:
    rules = (DEPLOY / "prometheus/rules/agents.yml").read_text(encoding="utf-8")

    assert Settings().agent_timeout == common.LOST_AFTER
    assert f"== 1) + {agents.STALLED}" in rules


def test_an_agent_that_hangs_is_told_by_state_overdue_progress_and_operation() -> None:
    [table] = panels_of("dreamos-agents", "Agents")[1:]
    columns = columns_of(table)

    assert "hangs" in json.dumps(columns["State"]["mappings"])
    assert {"Overdue", "Last progress"} <= set(columns)
    assert "thresholds" in columns["Last progress"]
    for uid in ("dreamos-agents", "dreamos-agent"):
        [under_way] = panels_of(uid, "What is under way")
        assert "Operation or task" in columns_of(under_way)
        assert [{"displayName": "Overdue", "desc": True}] == under_way["options"]["sortBy"]


def test_the_worst_stands_above() -> None:
    [alerts] = panels_of("dreamos-alerts", "Alerts, the worst first")
    columns = columns_of(alerts)

    assert [{"displayName": "How bad", "desc": True}] == alerts["options"]["sortBy"]
    assert "Since" in columns
    ranks = columns["How bad"]["mappings"][0]["options"]
    assert "critical" == ranks[max(ranks)]["text"]


def test_a_disk_that_is_mounted_twice_is_shown_once() -> None:
    [space] = panels_of("dreamos-host", "Disks: space")

    assert "topk by (instance, device, fstype) (1," in space["targets"][0]["expr"]


def test_no_query_about_the_host_or_workspaces_depends_on_who_looks() -> None:
    for panel in DOCUMENTS["dreamos-host"]["panels"][len(TOP) :]:
        for target in panel.get("targets", []):
            assert "job=" not in target["expr"]
    for panel in DOCUMENTS["dreamos-workspaces"]["panels"][len(TOP) :]:
        for target in panel.get("targets", []):
            assert "$job" not in target["expr"]


@pytest.mark.parametrize(
    "shown",
    [
        "dreamos_workspace_agent_state",
        "dreamos_workspace_queue_depth",
        "dreamos_workspace_inbox_unread",
        "dreamos_processes",
        "dreamos_process_starts_total",
        "dreamos_collector_last_success_timestamp_seconds",
        "dreamos_container_memory_limit_bytes",
        "dreamos_container_cpu_throttled_periods_total",
        "dreamos_container_memory_oom_kills_total",
    ],
)
def test_what_is_measured_is_on_a_panel(shown: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / PROVISIONED).glob("*.json"))

    assert shown in text
