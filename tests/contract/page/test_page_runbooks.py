"""The runbooks as the service shows them: all of them, nothing else, and only as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.metrics.routes.runbooks import files, runbook
from tests.contract.conftest import ROOT, Running, ask

NAMES = sorted(path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md"))


def test_the_list_names_and_links_every_runbook(shared: Running) -> None:
    page = ask(shared.url + "/runbooks/").text
    assert [] == [name for name in NAMES if f'<a href="{name}">{name}</a>' not in page]


@pytest.mark.parametrize("name", NAMES)
def test_each_runbook_is_shown_with_its_four_parts(shared: Running, name: str) -> None:
    reply = ask(f"{shared.url}/runbooks/{name}")
    assert 200 == reply.status
    assert f"<h1>{name}</h1>" in reply.text
    for part in ("Meaning", "Impact", "Diagnosis", "Mitigation"):
        assert f"<h2>{part}</h2>" in reply.text


def test_a_terminal_gets_the_text_itself(shared: Running) -> None:
    reply = ask(shared.url + "/runbooks/Watchdog.md")
    assert "text/markdown; charset=utf-8" == reply.headers["content-type"]
    assert (ROOT / "docs/runbooks/Watchdog.md").read_text(encoding="utf-8") == reply.text


def test_the_folder_without_its_slash_leads_to_the_list(shared: Running) -> None:
    assert "<h1>Runbooks</h1>" in ask(shared.url + "/runbooks").text


def test_an_unknown_name_is_answered_404_with_those_that_exist(shared: Running) -> None:
    reply = ask(shared.url + "/runbooks/Nope%3Cscript%3E/deeper")
    assert 404 == reply.status
    assert "<script" not in reply.text
    assert [] == [name for name in NAMES if f'href="../../runbooks/{name}"' not in reply.text]


@pytest.mark.parametrize(
    "path",
    [
        "../../README.md",
        "..%2f..%2fREADME.md",
        "..%2F..%2FREADME",
        "%2e%2e/%2e%2e/README.md",
        "%252e%252e%252fREADME",
        "..\\..\\README.md",
        "%2Fetc%2Fpasswd",
        "//etc/passwd",
        "Watchdog%00",
        "Watchdog/",
        ".",
    ],
)
def test_no_path_leads_out_of_the_folder(shared: Running, path: str) -> None:
    reply = ask(f"{shared.url}/runbooks/{path}")
    assert 404 == reply.status
    assert "make up" not in reply.text
    assert "root:" not in reply.text


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "HighLoad.md"
    path.write_text(
        "# HighLoad\n\n`load > 1`; warning.\n\n## Meaning\n\nToo much <b>work</b>. More words.\n\n"
        "<script>alert(1)</script>\n\n[bad](javascript:alert(1)) [there](TargetDown.md)\n"
        "[guide](../operating.md) [out](https://example.org/x) `Watchdog` `HighLoad`\n",
        encoding="utf-8",
    )
    return path


def test_html_and_scripts_in_a_runbook_stay_text(written: Path) -> None:
    body = runbook(written, ["HighLoad"]).body
    assert "&lt;script&gt;" in body
    assert "<script" not in body
    assert "<b>" not in body
    assert 'href="javascript' not in body


def test_links_between_runbooks_lead_to_their_pages_and_dead_ones_are_text(written: Path) -> None:
    body = runbook(written, ["HighLoad", "TargetDown", "Watchdog"]).body
    assert '<a href="TargetDown">there</a>' in body
    assert '<a href="Watchdog"><code>Watchdog</code></a>' in body
    assert '<a href="https://example.org/x">out</a>' in body
    assert "operating.md" not in body
    assert "guide" in body
    assert 'href="HighLoad"' not in body


def test_the_list_shows_the_first_sentence_of_the_meaning(written: Path) -> None:
    assert "Too much &lt;b&gt;work&lt;/b&gt;." == runbook(written, []).meaning


def test_a_changed_runbook_is_shown_as_it_is_now(written: Path) -> None:
    assert "Too much" in runbook(written, []).body
    written.write_text("# HighLoad\n\nSomething else.\n", encoding="utf-8")
    assert "Something else." in runbook(written, []).body


def test_the_service_finds_the_runbooks_beside_its_code() -> None:
    assert list(files()) == NAMES
