"""What is refused before anything is touched."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tools.stack import preflight
from tools.stack.console import StackError

EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"


def written(folder: Path, text: str) -> preflight.Settings:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return preflight.settings(path, EXAMPLE)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("METRICS_PORT=8001", "8001"),
        ("METRICS_PORT = 8001", "8001"),
        ("export METRICS_PORT=8001", "8001"),
        ("METRICS_PORT='8001'", "8001"),
        ('METRICS_PORT="8001"', "8001"),
        ("METRICS_PORT=8001 # ours", "8001"),
    ],
)
def test_a_setting_is_read_as_compose_reads_it(tmp_path: Path, line: str, value: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# comment\n\n{line}\n", encoding="utf-8")

    assert {"METRICS_PORT": value} == preflight.read_env(path)


def test_a_line_that_is_no_setting_is_named_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"line 2: 'nonsense' is not a setting; write NAME=value"):
        written(tmp_path, "METRICS_PORT=8001\nnonsense\n")


def test_a_wrong_value_is_named_with_what_is_wrong_and_an_example(tmp_path: Path) -> None:
    with pytest.raises(StackError) as refusal:
        written(tmp_path, "GRAFANA_PORT=many\nSCRAPE_INTERVAL=often\n")

    text = str(refusal.value)
    assert "GRAFANA_PORT: 'many'" in text
    assert "for example GRAFANA_PORT=3000" in text
    assert "SCRAPE_INTERVAL: 'often'" in text
    assert "for example SCRAPE_INTERVAL=15s" in text


def test_a_misspelt_name_is_reported_with_the_one_that_is_meant(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="GRAFANA_PROT.*is GRAFANA_PORT meant"):
        written(tmp_path, "GRAFANA_PROT=3000\n")


def test_email_that_is_only_half_configured_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="ALERT_EMAIL_TO|SMTP_FROM"):
        written(tmp_path, "SMTP_SMARTHOST=smtp.example.org:587\n")


@pytest.mark.parametrize("name", ["WORKSPACE_DIR", "PROBES_FILE"])
def test_a_path_that_does_not_exist_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match=rf"{name}: there is no .*/nowhere'; for example {name}="):
        written(tmp_path, f"{name}={tmp_path}/nowhere\n")


def test_without_a_file_the_example_is_put_there_and_every_default_holds(tmp_path: Path) -> None:
    settings = preflight.settings(tmp_path / ".env", EXAMPLE)

    assert EXAMPLE.read_text() == (tmp_path / ".env").read_text()
    assert "8000" == settings["METRICS_PORT"]


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_PORT", "8123")

    assert "8123" == written(tmp_path, "METRICS_PORT=8001\n")["METRICS_PORT"]


def test_a_port_in_use_is_named_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = written(tmp_path, f"PROMETHEUS_PORT={port}\n")

        with pytest.raises(StackError, match=rf"port {port} .*PROMETHEUS_PORT="):
            preflight.check_ports(settings, {})


def test_a_port_that_this_stack_has_open_itself_is_no_obstacle(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
        rest = "METRICS_PORT=28471\nALERTMANAGER_PORT=28472\nGRAFANA_PORT=28473\n"
        settings = written(tmp_path, f"PROMETHEUS_PORT={port}\n{rest}")

        preflight.check_ports(settings, {"prometheus": port})


def test_an_address_that_this_machine_does_not_have_is_refused(tmp_path: Path) -> None:
    settings = written(tmp_path, "BIND_ADDRESS=192.0.2.1\n")

    with pytest.raises(StackError, match=r"BIND_ADDRESS: 192\.0\.2\.1"):
        preflight.check_ports(settings, {})


def test_opening_the_ports_to_other_machines_is_said_aloud(tmp_path: Path) -> None:
    assert [] == preflight.warnings(written(tmp_path, ""))
    (warning,) = preflight.warnings(written(tmp_path, "BIND_ADDRESS=0.0.0.0\n"))
    assert "BIND_ADDRESS=0.0.0.0" in warning
    assert "Prometheus and Alertmanager" in warning
