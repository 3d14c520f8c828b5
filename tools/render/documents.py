"""What each component reads: the base files of `deploy/` with the settings put in."""

from __future__ import annotations

import hashlib
import json
import math
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.metrics.probes.config import load, parse
from tools.render import objectives, receivers, templates
from tools.render.kinds import duration_seconds
from tools.render.secrets import Secrets
from tools.render.variables import flag, links, value

Document = dict[str, Any]

GENERATED_AT = "/generated"
"""Where the containers see the folder that is written."""

_HEADER = "# Written by `python -m tools.render` from {source} and .env: changes here are lost.\n"
# The addresses that the alerts in deploy/ name, so that they are valid as they stand.
_WRITTEN_LINKS = {"METRICS_URL": "http://127.0.0.1:8000", "GRAFANA_URL": "http://127.0.0.1:3000"}
# NotificationsFailing as it is written, for the default ALERT_GROUP_INTERVAL of 5m.
_WRITTEN_WINDOW = "alertmanager_notifications_failed_total[12m]"


def build(
    deploy: Path, env: Mapping[str, str], secrets: Secrets, probes: Path | None = None
) -> dict[str, str]:
    """Return the content of every file to write, by its path below the folder for them.

    `env` and `secrets` have been checked; `probes` is the user's own list of probes. Raises
    `OSError` when a file cannot be read, `yaml.YAMLError` when one is not YAML,
    `ProbeFileError` when the list of probes is wrong, and `ObjectiveError` when an objective is.
    """
    files = {
        "prometheus/prometheus.yml": _yaml(
            _prometheus(_load(deploy / "prometheus/prometheus.yml"), env),
            "deploy/prometheus/prometheus.yml",
        ),
        "prometheus/targets/grafana.json": _grafana_targets(env),
        "alertmanager/alertmanager.yml": _yaml(
            _alertmanager(_load(deploy / "alertmanager/alertmanager.yml"), env, secrets),
            "deploy/alertmanager/alertmanager.yml",
        ),
    }
    files["metrics/probes.yml"] = _yaml(
        _probes(_load(deploy / "metrics/probes.yml"), env, probes), "deploy/metrics/probes.yml"
    )
    for path in sorted((deploy / "prometheus").glob("[ar]*/*.yml")):
        name = f"prometheus/{path.parent.name}/{path.name}"
        files[name] = _yaml(_rules(_load(path), env), f"deploy/{name}")
    promised = objectives.groups(objectives.load(deploy / "prometheus/objectives.yml"))
    files["prometheus/alerts/objectives.yml"] = _yaml(
        _rules({"groups": promised}, env), "deploy/prometheus/objectives.yml"
    )
    files["alertmanager/settings.tmpl"] = templates.settings(env)
    if secrets.authorities:
        files["alertmanager/ca.pem"] = _authorities(secrets.authorities)
    files["prometheus/targets/rendered.json"] = _mark(deploy, files)
    return files


def _authorities(own: str) -> str:
    # All of them: a file of authorities takes the place of the system's.
    system = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in system) + own + "\n"


def _mark(deploy: Path, files: Mapping[str, str]) -> str:
    """Return a list of no targets that changes when anything that is read has changed.

    Prometheus reads lists of targets without being told and exports when they were written, which
    the alert ConfigurationOutdated compares with what is loaded.
    """
    seen = hashlib.sha256("".join(files.values()).encode())
    for path in sorted((deploy / "alertmanager/templates").glob("*.tmpl")):
        seen.update(path.read_bytes())
    return json.dumps([{"targets": [], "labels": {"rendered": seen.hexdigest()}}]) + "\n"


def _prometheus(base: Document, env: Mapping[str, str]) -> Document:
    interval = value(env, "SCRAPE_INTERVAL")
    overall = base["global"]
    overall["scrape_interval"] = interval
    overall["evaluation_interval"] = value(env, "EVALUATION_INTERVAL")
    overall["external_labels"]["stack"] = value(env, "STACK_NAME")
    # Prometheus refuses a time-out longer than the interval.
    if (duration_seconds(overall["scrape_timeout"]) or 0) > (duration_seconds(interval) or 0):
        overall["scrape_timeout"] = interval
    # Rules are read where they are written with the links of this installation.
    base["rule_files"] = [
        name.replace("/etc/prometheus/", f"{GENERATED_AT}/prometheus/")
        for name in base["rule_files"]
    ]
    return base


def _grafana_targets(env: Mapping[str, str]) -> str:
    targets = [{"targets": ["grafana:3000"]}] if flag(env, "GRAFANA_ENABLED") else []
    return json.dumps(targets) + "\n"


def _probes(base: Document, env: Mapping[str, str], probes: Path | None) -> Document:
    if not flag(env, "GRAFANA_ENABLED"):
        base["probes"] = [probe for probe in base["probes"] if probe["name"] != "grafana"]
    if probes is not None:
        load(probes)  # its own faults are told with its own name
        base["probes"] += _load(probes)["probes"]
    parse(base)  # a name that the stack's own list has too
    return base


def _rules(rules: Document, env: Mapping[str, str]) -> Document:
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = rule["expr"].replace(_WRITTEN_WINDOW, _window(env))
            notes = rule.get("annotations", {})
            if not flag(env, "GRAFANA_ENABLED"):
                notes.pop("dashboard_url", None)
            for name, text in notes.items():
                notes[name] = _moved(text, env) if name.endswith("_url") else text
    return rules


def _window(env: Mapping[str, str]) -> str:
    # A receiver that refuses everything fails once in every ALERT_GROUP_INTERVAL.
    interval = duration_seconds(value(env, "ALERT_GROUP_INTERVAL")) or 0
    seconds = max(300, math.ceil(2 * interval) + 120)
    return _WRITTEN_WINDOW.replace("12m", _duration(seconds))


def _duration(seconds: int) -> str:
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _moved(url: str, env: Mapping[str, str]) -> str:
    for name, written in _WRITTEN_LINKS.items():
        if url.startswith(written + "/"):
            return links(env)[name] + url[len(written) :]
    return url


def _alertmanager(base: Document, env: Mapping[str, str], secrets: Secrets) -> Document:
    route = base["route"]
    route["group_wait"] = value(env, "ALERT_GROUP_WAIT")
    route["group_interval"] = value(env, "ALERT_GROUP_INTERVAL")
    route["repeat_interval"] = value(env, "ALERT_REPEAT_INTERVAL_WARNING")
    critical = next(child for child in route["routes"] if child["receiver"] == "critical")
    critical["repeat_interval"] = value(env, "ALERT_REPEAT_INTERVAL_CRITICAL")
    contents = {
        "critical": receivers.filled("critical", env, secrets),
        "warning": receivers.filled("warning", env, secrets),
    }
    if beat := receivers.watchdog(env, secrets):
        contents["watchdog"] = {"webhook_configs": [beat]}
    base["templates"].append(f"{GENERATED_AT}/alertmanager/settings.tmpl")
    if http := receivers.http(env, secrets):
        base["global"]["http_config"] = http
    base["receivers"] = [
        {**receiver, **contents.get(receiver["name"], {})} for receiver in base["receivers"]
    ]
    return base


class _Dumper(yaml.SafeDumper):
    """Writes long texts as they are, and never an anchor (`&id001`) in place of a repetition."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _yaml(document: Document, source: str) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=4096, allow_unicode=True)
    return _HEADER.format(source=source) + text


def _load(path: Path) -> Document:
    with path.open(
        encoding="utf-8"
    ) as file:  # a file, because yaml names it in what it complains of
        document: Document = yaml.safe_load(file)
    return document
