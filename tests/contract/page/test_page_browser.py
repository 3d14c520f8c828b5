"""The pages in a real Chromium: nothing breaks, nothing overflows, nothing is loaded from afar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Running
from tests.contract.page.browser import Browser

PAGES = ("/", "/?state=lost&name=gone", "/runbooks/", "/runbooks/TargetDown", "/runbooks/Watchdog")


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_complains_overflows_or_asks_another_host(
    browser: Browser, crowded: Running, path: str, width: int
) -> None:
    browser.look(width)
    browser.open(crowded.url + path)
    assert [] == browser.complaints()
    assert width == browser.ask("document.documentElement.scrollWidth")
    assert {urlsplit(crowded.url).netloc} == browser.hosts()


def test_every_agent_can_be_seen_on_a_phone(browser: Browser, crowded: Running) -> None:
    browser.look(390)
    browser.open(crowded.url + "/")
    outside = """[...document.querySelectorAll("td, dd, h1, h2, li, th")].filter(element => {
        const box = element.getBoundingClientRect()
        return box.width > 0 && (box.left < 0 || box.right > 390)
    }).length"""
    assert 0 == browser.ask(outside)
    assert 13 == browser.ask("""[...document.querySelectorAll("td.name")]
        .filter(cell => cell.getBoundingClientRect().height > 0).length""")


def test_a_hostile_name_is_text(browser: Browser, crowded: Running) -> None:
    browser.look(1200)
    browser.open(crowded.url + "/")
    assert 0 == browser.ask("document.scripts.length")
    assert "<script>" in browser.ask("document.querySelector('table').innerText")


CONTRAST = """(() => {
    const channel = value => (value /= 255) <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4
    const light = colour => {
        const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number)
        return .2126 * channel(red) + .7152 * channel(green) + .0722 * channel(blue)
    }
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor
            if (!colour.endsWith(", 0)")) return light(colour)
        }
        return 1
    }
    const worst = [...document.querySelectorAll("td, dt, dd, small, a, p, h1, h2, th, .never")]
        .filter(element => element.innerText.trim())
        .map(element => {
            const [one, other] = [light(getComputedStyle(element).color), behind(element)]
            const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05)
            return [ratio, element.innerText.slice(0, 30)]
        })
        .sort((one, other) => one[0] - other[0])
    return worst[0]
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/runbooks/TargetDown"])
def test_all_text_can_be_read_by_day_and_by_night(
    browser: Browser, crowded: Running, path: str, dark: bool
) -> None:
    browser.look(1200, dark)
    browser.open(crowded.url + path)
    night = browser.ask("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == night
    ratio, text = browser.ask(CONTRAST)
    assert ratio >= 4.5, f"{text!r} has a contrast of {ratio:.2f}; WCAG AA asks for 4.5"


def test_the_browsers_own_dialog_opens_the_page(
    browser: Browser, launch: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "read").write_text("the-read-token\n")
    service = launch(METRICS_READ_TOKEN_FILE=str(tmp_path / "read"))
    browser.look(1200)
    browser.open(service.url + "/", password="the-read-token")
    title = browser.ask("document.querySelector('h1').innerText")
    assert "The service is well; no agent yet." == title


def test_a_link_leads_from_the_status_to_a_runbook_and_from_there_to_another(
    browser: Browser, crowded: Running
) -> None:
    browser.look(390)
    browser.open(crowded.url + "/")
    browser.follow("a[href='./runbooks/']")
    browser.follow("a[href='AgentLost']")
    browser.follow("article a[href='TargetDown']")
    assert "TargetDown" == browser.ask("document.querySelector('h1').innerText")
    browser.follow(".brand")
    assert 13 == browser.ask("document.querySelectorAll('td.name').length")
