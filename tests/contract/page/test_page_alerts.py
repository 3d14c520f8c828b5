"""What fires, on the status page: a real Alertmanager, the real service, a real Chromium."""

from __future__ import annotations

import html
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.alerting.live import Alertmanager, alertmanager, free_port
from tests.alerting.support import Rendering
from tests.contract.conftest import Running, ask
from tests.contract.page.browser import Browser
from tests.contract.page.conftest import SCRIPT, TURNED, push
from tests.contract.page.test_page_browser import CONTRAST
from tests.rules.tooling import amtool
from tools.waiting import eventually, eventually_equal

HOSTILE = '<img src=x onerror="alert(1)"></li><script>alert(2)</script>'
WATCHDOG = {"labels": {"alertname": "Watchdog", "severity": "none", "job": "dreamos"}}
SILENT = "http://127.0.0.1:9/"


def alert(name: str, severity: str, summary: str = "It breaks.", **labels: str) -> dict[str, Any]:
    """Return an alert that began ten minutes ago, as Prometheus hands it over."""
    began = datetime.now(timezone.utc) - timedelta(minutes=10, seconds=5)
    given = {"alertname": name, "severity": severity, "job": "dreamos", **labels}
    annotations = {"summary": summary, "runbook_url": "javascript:alert(3)"}
    given = {label: text for label, text in given.items() if text}
    return {"labels": given, "annotations": annotations, "startsAt": began.isoformat()}


def ended(of: dict[str, Any]) -> dict[str, Any]:
    """Return the same alert, over."""
    return {**of, "endsAt": datetime.now(timezone.utc).isoformat()}


def silence(running: Alertmanager, name: str) -> None:
    """Silence an alert for an hour."""
    now = datetime.now(timezone.utc)
    running.api(
        "silences",
        {
            "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "test",
            "comment": "test",
        },
    )


def heading(page: str) -> str:
    """Return the verdict."""
    found = re.search(r'class="verdict (\w+)">\s*<h1>(.*?)</h1>', page)
    assert found is not None, page
    return f"{found[1]}: {html.unescape(found[2])}"


def shown(service: Running, path: str = "/", **headers: str) -> str:
    """Return the page, once Alertmanager has had the time to answer."""

    def settled() -> str:
        page = ask(service.url + path, None, "GET", **headers).text
        late = "gave no answer within" in page or "has not answered yet" in page
        return "" if late else page

    page: str = eventually(settled)
    return page


def verdict_of(service: Running) -> Callable[[], str]:
    """Return what asks a service for its verdict."""
    return lambda: heading(shown(service))


def listed(page: str) -> list[str]:
    """Return the text of each alert, its spaces made one."""
    part = page.partition('class="alerts">')[2].partition("</ul>")[0]
    plain = [html.unescape(re.sub(r"<[^>]*>", "", item)) for item in part.split("<li")[1:]]
    return [" ".join(item.partition(">")[2].split()) for item in plain]


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Alertmanager, Running]]:
    """A real Alertmanager with the stack's own configuration, and a service that asks it."""
    rendering = Rendering(folder / "rendered")
    assert [] == rendering.run()
    with alertmanager(amtool(), rendering) as manager:
        service = Running(folder, {"METRICS_ALERTMANAGER_URL": manager.url}).start()
        try:
            push(service, "Agent-1")
            yield manager, service
        finally:
            service.kill()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Alertmanager, Running]]:
    """Both, while alerts of every kind fire."""
    with watched(tmp_path_factory.mktemp("watching")) as (manager, service):
        fire_every_kind(manager)
        eventually(lambda: 7 == len(listed(shown(service))) and _muted(service, 2))
        yield manager, service


@pytest.fixture
def manager(pair: tuple[Alertmanager, Running]) -> Alertmanager:
    """The Alertmanager of the pair."""
    return pair[0]


@pytest.fixture
def troubled(pair: tuple[Alertmanager, Running]) -> Running:
    """The service of the pair."""
    return pair[1]


def fire_every_kind(manager: Alertmanager) -> None:
    """Hand over seven alerts, of which one is silenced and one inhibited."""
    manager.fire(
        WATCHDOG,
        alert("AgentLost", "critical", "Agent <b>7</b> fell silent.", agent="Agent-7", team="a&b"),
        alert("HighErrorRate", "warning", HOSTILE, agent=SCRIPT, note=TURNED),
        alert("HighErrorRate", "warning", agent="Agent-7"),
        alert("DiskAlmostFull", "warning", "x" * 3_000, device="/dev/" + "y" * 500),
        alert("QuietOne", "warning", "Somebody silenced this.", agent="Agent-9"),
        alert("Chatty", "info", agent="Agent-2"),
        alert('../"><i>Own', "", "A rule of the user's own."),
    )
    silence(manager, "QuietOne")


def _muted(service: Running, count: int) -> bool:
    return count == sum("silenced" in i or "muted by" in i for i in listed(shown(service)))


def test_all_is_well_only_while_nothing_that_is_told_fires(
    tmp_path: Path,
) -> None:
    with watched(tmp_path) as (manager, service):
        verdict_follows(manager, service)


def verdict_follows(manager: Alertmanager, watching: Running) -> None:
    """Let alerts come and go, and read the verdict each time."""
    verdict = verdict_of(watching)
    assert "warn: The service is well; alerts are not known." == verdict()
    assert "no Watchdog arrives" in shown(watching)

    manager.fire(WATCHDOG)
    eventually_equal("good: All is well.", verdict)

    chatty, rate = alert("Chatty", "info"), alert("HighErrorRate", "warning", agent="Agent-1")
    manager.fire(chatty)
    eventually(lambda: listed(shown(watching)))
    assert "good: All is well." == verdict()

    manager.fire(rate, WATCHDOG)
    eventually_equal("warn: The service is well; 1 warning alert fires.", verdict)
    worse = alert("AgentLost", "critical", agent="Agent-8")
    manager.fire(worse)
    told = "1 critical and 1 warning alerts fire"
    eventually_equal(f"bad: The service is well; {told}.", verdict)

    manager.fire(*(ended(over) for over in (chatty, rate, worse)), WATCHDOG)
    eventually_equal("good: All is well.", verdict)


def test_each_alert_says_how_bad_who_since_when_and_what(troubled: Running) -> None:
    page = shown(troubled)
    assert "bad: The service is well; 1 critical and 3 warning alerts fire" in heading(page)
    first = listed(page)[0]
    assert re.fullmatch(
        r"critical AgentLost Agent-7 for 1\d min "
        r"Agent <b>7</b> fell silent\. team a&b",
        first,
    ), first
    told, muted = ["critical", "no", "warning", "warning", "info"], ["warning", "warning"]
    assert told + muted == [item.split()[0] for item in listed(page)]


def test_the_runbook_of_an_alert_is_the_page_that_the_service_serves(troubled: Running) -> None:
    page = shown(troubled)
    assert '<a href="./runbooks/AgentLost"><bdi>AgentLost</bdi></a>' in page
    assert "javascript:" not in page
    assert 200 == ask(troubled.url + "/runbooks/AgentLost").status
    assert "<a><bdi>QuietOne</bdi></a>" in page


def test_what_is_muted_is_marked_and_stands_last(troubled: Running) -> None:
    last = listed(shown(troubled))[-2:]
    assert ["HighErrorRate", "QuietOne"] == sorted(item.split()[1] for item in last)
    by_name = {item.split()[1]: item for item in last}
    assert "silenced" in by_name["QuietOne"]
    assert "muted by another alert" in by_name["HighErrorRate"]
    assert "2 warning alerts are muted" in heading(shown(troubled))


def test_no_text_of_an_alert_becomes_markup(browser: Browser, troubled: Running) -> None:
    page = shown(troubled)
    assert "<script" not in page.lower()
    assert "<img" not in page.lower()
    assert "\u202e" not in page
    browser.look(1200)
    browser.open(troubled.url + "/")
    assert 0 == browser.ask("document.querySelectorAll('script, img, #alerts i').length")
    assert HOSTILE in browser.ask("document.querySelector('#alerts').innerText")


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (390, False)])
def test_alerts_can_be_read_by_day_by_night_and_on_a_phone(
    browser: Browser, troubled: Running, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.look(width, dark)
    browser.open(troubled.url + "/")
    assert [] == browser.complaints()
    assert width == browser.ask("document.documentElement.scrollWidth")
    ratio, text = browser.ask(CONTRAST)
    assert ratio >= 4.5, f"{text!r} has a contrast of {ratio:.2f}; WCAG AA asks for 4.5"
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path))
    browser.screenshot(pictures / f"alerts-{width}-{'night' if dark else 'day'}.png")


def test_a_hundred_alerts_are_cut_and_counted(manager: Alertmanager, troubled: Running) -> None:
    many = [alert("TargetDown", "warning", instance=f"host-{n}:1") for n in range(100)]
    manager.fire(WATCHDOG, *many)
    eventually(lambda: "And 57 more" in shown(troubled))
    assert 50 == len(listed(shown(troubled)))
    assert 107 == len(listed(shown(troubled, "/?more")))
    manager.fire(WATCHDOG, *(ended(over) for over in many))
    eventually(lambda: 7 == len(listed(shown(troubled))))


def test_the_alerts_need_the_read_token_as_the_page_does(
    manager: Alertmanager, troubled: Running, launch: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "read").write_text("the-read-token\n")
    own = {"METRICS_READ_TOKEN_FILE": str(tmp_path / "read")}
    service = launch(METRICS_ALERTMANAGER_URL=manager.url, **own)
    assert "AgentLost" not in shown(service)
    token = {"Authorization": "Bearer the-read-token"}
    assert "AgentLost" in shown(service, "/", **token)


# When it cannot be asked


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """What starts a server that gives every question the same answer."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("word", "status", "body"),
    [
        ("answers with the status 500", 500, b"[]"),
        ("answers with the status 302", 302, b"[]"),
        ("sends no JSON", 200, b"<html>"),
        ("sends no alerts", 200, b'{"status": "success"}'),
        ("sends no alerts", 200, b"[1]"),
        ("sends no alerts", 200, b'[{"labels": null, "status": {}}]'),
        ("sends no alerts", 200, b"null"),
        ("no Watchdog arrives", 200, b"[]"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_in_a_plain_word(
    launch: Callable[..., Running],
    answering: Callable[[int, bytes], str],
    word: str,
    status: int,
    body: bytes,
) -> None:
    service = launch(METRICS_ALERTMANAGER_URL=answering(status, body))
    push(service, "Agent-1")
    page = shown(service)
    assert "warn: The service is well; alerts are not known." == heading(page)
    assert word in page


def test_an_alertmanager_that_is_away_is_told_without_its_address(
    launch: Callable[..., Running],
) -> None:
    service = launch(METRICS_ALERTMANAGER_URL=f"http://127.0.0.1:{free_port()}/secret-path")
    page = shown(service)
    assert "Alertmanager cannot be reached (Connection refused)" in page
    assert "secret-path" not in page.partition('id="alerts"')[2].partition("</section>")[0]
    assert "warn: The service is well; alerts are not known." == heading(page)


def test_an_alertmanager_that_hangs_holds_up_no_health_check_and_no_second_page(
    launch: Callable[..., Running],
) -> None:
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        service = launch(METRICS_ALERTMANAGER_URL=f"http://127.0.0.1:{hanging.getsockname()[1]}")
        pages: list[str] = []
        askers = [
            threading.Thread(target=lambda: pages.append(ask(service.url + "/").text))
            for _ in range(12)
        ]
        for asker in askers:
            asker.start()
        assert 200 == ask(service.url + "/-/ready").status
        for asker in askers:
            asker.join(60)
        assert 12 == len(pages)
        assert all("alerts are not known" in heading(page) for page in pages)
        assert any("gave no answer within 2 s" in page for page in pages)


def test_alone_the_service_asks_nobody_and_says_nothing_of_alerts(
    launch: Callable[..., Running],
) -> None:
    service = launch(ALERTMANAGER_URL=SILENT)
    push(service, "Agent-1")
    page = shown(service)
    assert "good: All is well." == heading(page)
    assert 'id="alerts"' not in page
    assert f'href="{SILENT}"' in page


@pytest.mark.parametrize(("enabled", "linked"), [("0", False), ("off", False), ("1", True)])
def test_a_grafana_that_is_not_there_is_not_linked(
    launch: Callable[..., Running], enabled: str, linked: bool
) -> None:
    service = launch(GRAFANA_URL="http://g.example.org", METRICS_GRAFANA_ENABLED=enabled)
    assert linked is ("http://g.example.org" in shown(service))


def test_a_wrong_address_stops_the_service_with_the_name_of_its_variable(
    launch: Callable[..., Running],
) -> None:
    with pytest.raises(Exception, match="METRICS_ALERTMANAGER_URL=alertmanager:9093 is not an"):
        launch(METRICS_ALERTMANAGER_URL="alertmanager:9093")
