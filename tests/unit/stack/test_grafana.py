"""Further settings of Grafana arrive whole, and win over the stack's own choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.stack import grafana, preflight
from tools.stack.compose import Compose


def environment(folder: Path, text: str) -> dict[str, str]:
    """Return the variables that Grafana's container would have."""
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    settings = preflight.settings(path, path)
    more = grafana.environment(folder, "dreamos", settings)
    compose = Compose("dreamos", {**settings.environment(), **more})
    found: dict[str, str] = compose.services()["grafana"]["environment"]
    return {name: value.replace("$$", "$") for name, value in found.items()}


@pytest.mark.parametrize("value", ["debug", "a$b", "a b", "it's", '"x"', "a#b", "\\n"])
def test_a_setting_of_grafanas_arrives_as_it_was_written(tmp_path: Path, value: str) -> None:
    quoted = f"'{value}'" if "'" not in value else f'"{value}"'

    assert value == environment(tmp_path, f"GF_LOG_LEVEL={quoted}\n")["GF_LOG_LEVEL"]


def test_the_persons_choice_wins_over_ours(tmp_path: Path) -> None:
    assert "false" == environment(tmp_path, "")["GF_AUTH_ANONYMOUS_ENABLED"]
    chosen = environment(tmp_path, "GF_AUTH_ANONYMOUS_ENABLED=true\n")
    assert "true" == chosen["GF_AUTH_ANONYMOUS_ENABLED"]


def test_grafana_does_not_replace_its_own_data_source(tmp_path: Path) -> None:
    assert "false" == environment(tmp_path, "")["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"]


@pytest.mark.parametrize(
    ("url", "served_below"),
    [("", "false"), ("https://g.example.org", "false"), ("https://x.example.org/grafana/", "true")],
)
def test_a_path_in_its_address_is_served_below(tmp_path: Path, url: str, served_below: str) -> None:
    found = environment(tmp_path, f"GRAFANA_URL={url}\nPROMETHEUS_URL=https://x.example/p\n")

    assert served_below == found["GF_SERVER_SERVE_FROM_SUB_PATH"]
    assert "/p" == found["PROMETHEUS_PATH"]
