"""The status page over HTTP: what is on it, who may see it, and what agents cannot do to it."""

from __future__ import annotations

import base64
import html
import http.client
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.metrics.routes.status_page import Ago, number, size, span
from tests.contract.conftest import Running, ask
from tests.contract.page.conftest import LONG, SCRIPT, push


def rows(page: str) -> list[list[str]]:
    """Return the text of each cell of the list of agents, row by row."""
    table = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    assert table is not None
    cells = [re.findall(r"<td.*?>(.*?)</td>", r, re.DOTALL) for r in table[1].split("</tr>")]
    plain = [[html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in r] for r in cells]
    return [row for row in plain if row]


def figure(page: str, name: str) -> str:
    """Return the figure that stands beside ``name``."""
    found = re.search(rf"<dt>{name}.*?</dt><dd.*?>(.*?)</dd>", page, re.DOTALL)
    assert found is not None, name
    return html.unescape(found[1])


def test_every_agent_is_there_with_its_state_and_the_troubled_stand_first(
    crowded: Running,
) -> None:
    states = [(row[0], row[1].split()[0]) for row in rows(ask(crowded.url + "/").text)]
    assert [("gone-2", "lost"), ("gone-1", "lost"), ("hanging", "stalled")] == states[:3]
    assert 8 == [state for _, state in states].count("running")
    assert [("done-2", "ended"), ("done-1", "ended")] == states[-2:]


def test_push_heartbeat_and_progress_are_shown_as_ages(crowded: Running) -> None:
    by_name = {row[0]: row for row in rows(ask(crowded.url + "/").text)}
    for age in by_name["Agent-1"][2:5]:
        assert re.fullmatch(r"\d+\xa0s|\d+\xa0min(\xa0\d+\xa0s)?", age)
    assert "never" == by_name["gone-1"][4]


def test_the_six_counters_are_those_of_the_file_metrics(crowded: Running) -> None:
    page = ask(crowded.url + "/").text
    assert "4\N{NARROW NO-BREAK SPACE}008" == figure(page, "writes")
    assert "24" == figure(page, "read errors")
    assert "0" == figure(page, "directory operations")


def test_health_parts_and_links_are_there_and_only_the_links_that_are_set(
    crowded: Running,
) -> None:
    page = ask(crowded.url + "/").text
    assert "<b>store</b> healthy" in page
    assert 'href="http://grafana.example.org:3000"' in page
    assert 'href="https://prometheus.example.org/x?a=1&amp;b=2"' in page
    assert "Alertmanager" not in page
    for path in ("./metrics", "./metrics/file", "./health", "./runbooks/"):
        assert f'href="{path}"' in page


def test_a_state_and_a_part_of_a_name_narrow_the_list(crowded: Running) -> None:
    assert 2 == len(rows(ask(crowded.url + "/?state=lost").text))
    assert ["Agent-1"] == [row[0] for row in rows(ask(crowded.url + "/?name=AGENT-1").text)]
    assert "No agent fits." in ask(crowded.url + "/?name=nobody").text
    assert 13 == len(rows(ask(crowded.url + "/?state=%22%3E%3Cb%3E").text))


def test_no_name_and_no_parameter_becomes_markup(crowded: Running) -> None:
    for query in ("", "?name=%3Cscript%3Ealert(1)%3C/script%3E%22", "?state=%3Cscript%3E"):
        page = ask(f"{crowded.url}/{query}").text
        assert "<script" not in page.lower()
        assert "\u202e" not in page
    shown = {row[0] for row in rows(ask(crowded.url + "/").text)}
    assert SCRIPT in shown
    assert LONG[:80] + "…" in shown
    assert "labelled job <b>job team <i>x" in {" ".join(name.split()) for name in shown}


def test_a_name_of_ten_kilobytes_is_refused_at_the_door(crowded: Running) -> None:
    assert crowded.push(f"j/agent/{'y' * 10_000}/incarnation/1", "").status in (400, 414)
    assert crowded.push(f"j/agent/{'y' * 5_000}/incarnation/1", "").status == 400
    assert "yyyy" not in ask(crowded.url + "/").text


def test_the_page_may_load_run_and_be_framed_by_nothing(crowded: Running) -> None:
    for path in ("/", "/runbooks/", "/runbooks/AgentLost", "/runbooks/nope"):
        headers = ask(crowded.url + path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "nosniff" == headers["x-content-type-options"]
        assert "no-store" == headers["cache-control"]


def test_it_refreshes_by_itself_until_it_is_told_to_hold_still(crowded: Running) -> None:
    assert '<meta http-equiv="refresh" content="15">' in ask(crowded.url + "/").text
    assert "http-equiv" not in ask(crowded.url + "/?still").text


def test_an_empty_service_says_what_to_do(shared: Running) -> None:
    page = ask(shared.url + "/").text
    assert "no agent yet" in page
    assert 'metrics.start(agent="Agent-1")' in page


def test_a_refused_push_is_shown_with_its_reason(launch: Callable[..., Running]) -> None:
    service = launch()
    assert 400 == service.push("j", "what is this\n").status
    page = ask(service.url + "/").text
    assert "1" == figure(page, "rejected")
    assert re.search(
        r"Refused requests by reason.*<code>\w+</code></dt><dd>1</dd>", page, re.DOTALL
    )


def test_a_thousand_agents_stay_readable(launch: Callable[..., Running]) -> None:
    service = launch()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    for each in range(1_005):
        path = f"/metrics/job/dreamos/agent/swarm-{each}/incarnation/1"
        body = "# TYPE t_total counter\nt_total 1\n"
        connection.request("PUT", path, body, {"Dreamos-TTL": "3600"})
        with connection.getresponse() as answer:
            assert 200 == answer.status
            answer.read()
    connection.close()
    push(service, "zz-hanging", overdue=1)
    page = ask(service.url + "/").text
    assert 50 == len(rows(page))
    assert "zz-hanging" == rows(page)[0][0]
    assert ["swarm-0", "swarm-1", "swarm-2"] == [row[0] for row in rows(page)[1:4]]
    assert "And 956 more" in page
    more = ask(service.url + "/?more").text
    assert 1_000 == len(rows(more))
    assert "And 6 more" in more
    assert ["swarm-1004"] == [row[0] for row in rows(ask(service.url + "/?name=m-1004").text)]


@pytest.fixture
def guarded(launch: Callable[..., Running], tmp_path: Path) -> Running:
    (tmp_path / "read").write_text("the-read-token\n")
    return launch(METRICS_READ_TOKEN_FILE=str(tmp_path / "read"), METRICS_MAX_AUTH_FAILURES="3")


def test_with_a_read_token_the_browser_is_asked_for_it_and_a_first_visit_is_no_failure(
    guarded: Running,
) -> None:
    refused = ask(guarded.url + "/")
    assert 401 == refused.status
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert "Agents" not in refused.text
    basic = base64.b64encode(b"me:the-read-token").decode()
    seen = ask(guarded.url + "/", Authorization=f"Basic {basic}")
    assert 200 == seen.status
    assert "the-read-token" not in seen.text
    text = guarded.scrape(Authorization="Bearer the-read-token")
    assert 'dreamos_auth_failures_total{kind="read"} 0\n' in text


def test_a_wrong_token_is_counted_and_guessing_is_slowed_down(guarded: Running) -> None:
    basic = base64.b64encode(b"me:guess").decode()
    replies = [ask(guarded.url + "/", Authorization=f"Basic {basic}") for _ in range(4)]
    assert [401, 401, 401, 429] == [reply.status for reply in replies]
    assert replies[0].headers["www-authenticate"].startswith("Basic ")


def test_the_runbooks_are_open(guarded: Running) -> None:
    assert 200 == ask(guarded.url + "/runbooks/").status
    assert 200 == ask(guarded.url + "/runbooks/Watchdog").status


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [("0 s", -5), ("59 s", 59.9), ("1 min 20 s", 80), ("2 min", 120), ("59 min", 3599),
     ("1 h", 3600), ("2 h 5 min", 7500), ("1 d", 86_400), ("3 d 4 h", 3 * 86_400 + 4 * 3600)],
)  # fmt: skip
def test_a_span_is_told_in_its_one_or_two_largest_units(shown: str, seconds: float) -> None:
    assert shown == span(seconds)


def test_figures_that_are_no_numbers_do_not_break_the_page() -> None:
    assert "?" == number(float("nan")) == size(float("inf"))
    assert "never" in Ago(time.time())(float("nan"))
    assert "never" in Ago(time.time())(1e300)
    assert "999 B|1.0 kB|12.3 MB|100 GB" == "|".join(
        size(value).replace("\N{NARROW NO-BREAK SPACE}", " ")
        for value in (999, 1_000, 12_345_678, 1e11)
    )
