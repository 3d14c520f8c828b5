"""What each component reads: the base files of `deploy/` with the settings put in."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.metrics.observer.probes.config import load, parse
from tools.render import receivers
from tools.render.kinds import duration_seconds
from tools.render.secrets import Secrets
from tools.render.variables import flag, links, value

Document = dict[str, Any]

GENERATED_AT = "/generated"
"""Where the containers see the folder that is written."""

_HEADER = "# Written by `python -m tools.render` from {source} and .env: changes here are lost.\n"
# The addresses that the alerts in deploy/ name, so that they are valid as they stand.
_WRITTEN_LINKS = {"METRICS_URL": "http://127.0.0.1:8000", "GRAFANA_URL": "http://127.0.0.1:3000"}


def build(
    deploy: Path, env: Mapping[str, str], secrets: Secrets, probes: Path | None = None
) -> dict[str, str]:
    """Return the content of every file to write, by its path below the folder for them.

    `env` and `secrets` have been checked; `probes` is the user's own list of probes. Raises
    `OSError` when a file cannot be read, `yaml.YAMLError` when one is not YAML, and
    `ProbeFileError` when the list of probes is wrong.
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
    for path in sorted((deploy / "prometheus/alerts").glob("*.yml")):
        rules = _with_links(_load(path), env)
        files[f"prometheus/alerts/{path.name}"] = _yaml(
            rules, f"deploy/prometheus/alerts/{path.name}"
        )
    return files


def _prometheus(base: Document, env: Mapping[str, str]) -> Document:
    interval = value(env, "SCRAPE_INTERVAL")
    overall = base["global"]
    overall["scrape_interval"] = interval
    overall["evaluation_interval"] = value(env, "EVALUATION_INTERVAL")
    overall["external_labels"]["stack"] = value(env, "STACK_NAME")
    # Prometheus refuses a time-out longer than the interval.
    if (duration_seconds(overall["scrape_timeout"]) or 0) > (duration_seconds(interval) or 0):
        overall["scrape_timeout"] = interval
    # The alerts are read where they are written with the links of this installation.
    base["rule_files"] = [
        name.replace("/etc/prometheus/alerts/", f"{GENERATED_AT}/prometheus/alerts/")
        for name in base["rule_files"]
    ]
    for job in base["scrape_configs"]:
        if "authorization" in job:
            job["relabel_configs"] = [*job.get("relabel_configs", ()), _unlike_before()]
    return base


def _unlike_before() -> Document:
    """Return a rule that drops nothing and differs each time.

    Prometheus reads a token file once for each target and keeps what it read, also over a reload in
    which the job has not changed (seen with 3.5.3). So a job is never the same as before.
    """
    rendered = f"rendered-{time.time():.0f}"
    return {"source_labels": ["__address__"], "regex": rendered, "action": "drop"}


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


def _with_links(rules: Document, env: Mapping[str, str]) -> Document:
    for group in rules["groups"]:
        for rule in group["rules"]:
            notes = rule.get("annotations", {})
            if not flag(env, "GRAFANA_ENABLED"):
                notes.pop("dashboard_url", None)
            for name, text in notes.items():
                notes[name] = _moved(text, env) if name.endswith("_url") else text
    return rules


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
