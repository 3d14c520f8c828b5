"""What each component reads: the base files of `deploy/` with the settings put in."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from services.metrics.exposition.prometheus_limits import prometheus_limits
from services.metrics.observer.probes.config import load, parse
from services.metrics.parsing.reserved_names import relabeling
from services.metrics.settings import Settings
from tools.render import objectives, receivers, templates
from tools.render.kinds import duration_seconds
from tools.render.secrets import Secrets
from tools.render.variables import base_paths, flag, links, value

Document = dict[str, Any]


class DeployError(ValueError):
    """A base file in `deploy/` lacks what the settings are put into; the message names both."""


SERVICE_JOB = "dreamos-metrics"
GENERATED_AT = "/generated"
"""Where the containers see the folder that is written."""

_HEADER = "# Written by `python -m tools.render` from {source} and .env: changes here are lost.\n"
_DEFINED = re.compile(r'\{\{-?\s*(?:define|block)\s+"([^"]+)"')
_USED = re.compile(r'\{\{-?[^{}]*\btemplate\s+"([^"]+)"')
# The addresses that the alerts in deploy/ name, so that they are valid as they stand.
_WRITTEN_LINKS = {"METRICS_URL": "http://127.0.0.1:8000", "GRAFANA_URL": "http://127.0.0.1:3000"}
# NotificationsFailing as it is written, for the default ALERT_GROUP_INTERVAL of 5m.
_WRITTEN_WINDOW = "alertmanager_notifications_failed_total[12m]"


def build(
    deploy: Path, env: Mapping[str, str], secrets: Secrets, probes: Path | None = None
) -> dict[str, str]:
    """Return the content of every file to write, by its path below the folder for them.

    `env` and `secrets` have been checked; `probes` is the user's own list of probes. Raises
    `OSError` when a file cannot be read, `yaml.YAMLError` when one is not YAML, `DeployError` when
    one lacks what has to be filled, `ProbeFileError` when the list of probes is wrong, and
    `ObjectiveError` when an objective is.
    """
    files = {
        "prometheus/targets/grafana.json": _grafana_targets(env),
        **_filled(deploy, "prometheus/prometheus.yml", lambda base: _prometheus(base, env)),
        **_filled(
            deploy, "alertmanager/alertmanager.yml", lambda base: _alertmanager(base, env, secrets)
        ),
        **_filled(deploy, "metrics/probes.yml", lambda base: _probes(base, env, probes)),
    }
    for path in _rule_files(deploy / "prometheus/alerts"):
        files[f"prometheus/alerts/{path.name}"] = _alerts(path, env)
    for path in _rule_files(deploy / "prometheus/rules"):
        files[f"prometheus/rules/{path.name}"] = path.read_text(encoding="utf-8")
    for path in sorted((deploy / "alertmanager/templates").glob("*.tmpl")):
        files[f"alertmanager/templates/{path.name}"] = path.read_text(encoding="utf-8")
    promised = objectives.groups(objectives.load(deploy / "prometheus/objectives.yml"))
    files["prometheus/alerts/objectives.yml"] = _yaml(
        _adapted({"groups": promised}, env), "deploy/prometheus/objectives.yml"
    )
    # Last in the order of names, because it defines anew what the others define.
    files["alertmanager/templates/settings.tmpl"] = templates.settings(env)
    _refuse_missing_templates(files)
    _refuse_broken_files_of_grafana(deploy / "grafana")
    files["prometheus/targets/rendered.json"] = _mark(files)
    return files


def _mark(files: Mapping[str, str]) -> str:
    """Return a list of no targets that changes when anything that is read has changed.

    Prometheus reads lists of targets without being told and exports when they were written, which
    the alert ConfigurationOutdated compares with what is loaded.
    """
    # Without the mark of the moment, which Prometheus' file carries: it is no change.
    text = re.sub(r"rendered-[0-9]+", "", "".join(files.values()))
    seen = hashlib.sha256(text.encode())
    return json.dumps([{"targets": [], "labels": {"rendered": seen.hexdigest()}}]) + "\n"


def _filled(deploy: Path, name: str, fill: Callable[[Document], Document]) -> dict[str, str]:
    """Return a base file with the settings put in, by its path below the folder to write to."""
    base = _load(deploy / name)
    try:
        return {name: _yaml(fill(base), f"deploy/{name}")}
    except (AttributeError, KeyError, TypeError) as error:
        # The part's own tool says more of it: `make up` asks it after this.
        raise DeployError(f"deploy/{name} has another shape than it should: {error}") from None


def _refuse_broken_files_of_grafana(folder: Path) -> None:
    # Grafana reads them from the checkout, and has no tool that would judge them before.
    for path in sorted(folder.glob("provisioning/*/*.y*ml")):
        _load(path)
    for path in sorted(folder.glob("dashboards/*.json")):
        try:
            board = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DeployError(f"{path} is no dashboard: {error}") from None
        if not isinstance(board, dict) or not board.get("uid") or not board.get("title"):
            raise DeployError(f"{path} is no dashboard: it needs a uid and a title")


def _refuse_missing_templates(files: Mapping[str, str]) -> None:
    # amtool checks each template by itself: one that nobody wrote is missed when a message is sent.
    texts = {name: text for name, text in files.items() if name.startswith("alertmanager/")}
    written = {found for text in texts.values() for found in _DEFINED.findall(text)}
    for name, text in texts.items():
        for used in _USED.findall(text):
            # Alertmanager's own are called __subject, slack.default.text, ...
            if used not in written and not used.startswith("__") and ".default." not in used:
                raise DeployError(f"deploy/{name} uses a template that nothing defines: {used}")


def _rule_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in {".yml", ".yaml"})


def _prometheus(base: Document, env: Mapping[str, str]) -> Document:
    interval = value(env, "SCRAPE_INTERVAL")
    overall = base["global"] = base.get("global") or {}
    overall["scrape_interval"] = interval
    overall["evaluation_interval"] = value(env, "EVALUATION_INTERVAL")
    labels = overall["external_labels"] = overall.get("external_labels") or {}
    labels["stack"] = value(env, "STACK_NAME")
    # Prometheus refuses a time-out longer than the interval.
    timeout = overall.setdefault("scrape_timeout", "10s")
    if (duration_seconds(timeout) or 0) > (duration_seconds(interval) or 0):
        overall["scrape_timeout"] = interval
    service = next(job for job in base["scrape_configs"] if job["job_name"] == SERVICE_JOB)
    service.update(prometheus_limits(_service_limits(env)))
    service["metric_relabel_configs"] = relabeling(SERVICE_JOB)
    # Rules are read where they are written: only what was accepted gets there.
    base["rule_files"] = [
        name.replace("/etc/prometheus/", f"{GENERATED_AT}/prometheus/")
        for name in base.get("rule_files") or []
    ]
    _below_paths(base, base_paths(env))
    for job in base.get("scrape_configs") or []:
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


def _below_paths(base: Document, paths: Mapping[str, str]) -> None:
    """Let Prometheus find each part below the path that it serves under."""
    for job in base.get("scrape_configs") or []:
        path = paths.get(f"{str(job.get('job_name')).upper()}_PATH", "")
        if path:
            job["metrics_path"] = path + job.get("metrics_path", "/metrics")
    if path := paths["ALERTMANAGER_PATH"]:
        for manager in (base.get("alerting") or {}).get("alertmanagers") or []:
            manager["path_prefix"] = path


def _service_limits(env: Mapping[str, str]) -> Settings:
    """Return the service's settings as far as its limits go, as the container gets them."""
    names = [field.name for field in fields(Settings) if field.name.startswith("max_")]
    variables = (f"METRICS_{name.upper()}" for name in names)
    return Settings.from_env({name: env.get(name, "") for name in variables})


def _grafana_targets(env: Mapping[str, str]) -> str:
    targets = [{"targets": ["grafana:3000"]}] if flag(env, "GRAFANA_ENABLED") else []
    return json.dumps(targets) + "\n"


def _probes(base: Document, env: Mapping[str, str], probes: Path | None) -> Document:
    if not flag(env, "GRAFANA_ENABLED"):
        base["probes"] = [probe for probe in base["probes"] if probe["name"] != "grafana"]
    for probe in base["probes"]:
        path = base_paths(env).get(f"{probe['name'].upper()}_PATH", "")
        parts = urlsplit(probe["target"])
        probe["target"] = parts._replace(path=path + parts.path).geturl()
    if probes is not None:
        load(probes)  # its own faults are told with its own name
        base["probes"] += _load(probes)["probes"]
    parse(base)  # a name that the stack's own list has too
    return base


def _alerts(path: Path, env: Mapping[str, str]) -> str:
    text = path.read_text(encoding="utf-8")
    try:
        rules = yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # promtool says what is wrong with it, in the words of Prometheus
    if not isinstance(rules, dict):
        return text
    return _yaml(_adapted(rules, env), f"deploy/prometheus/alerts/{path.name}")


def _adapted(rules: Document, env: Mapping[str, str]) -> Document:
    for rule in _rules(rules):
        if isinstance(expression := rule.get("expr"), str):
            rule["expr"] = expression.replace(_WRITTEN_WINDOW, _window(env))
        if isinstance(notes := rule.get("annotations"), dict):
            _with_links(notes, env)
    return rules


def _window(env: Mapping[str, str]) -> str:
    # A receiver that refuses everything fails once in every ALERT_GROUP_INTERVAL.
    interval = duration_seconds(value(env, "ALERT_GROUP_INTERVAL")) or 0
    seconds = max(300, math.ceil(2 * interval) + 120)
    written = f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
    return _WRITTEN_WINDOW.replace("12m", written)


def _rules(document: Document) -> Iterator[Document]:
    """Yield each rule of a file; what has another shape is left to promtool to judge."""
    groups = document.get("groups")
    for group in groups if isinstance(groups, list) else []:
        rules = group.get("rules") if isinstance(group, dict) else None
        rules = rules if isinstance(rules, list) else []
        yield from (rule for rule in rules if isinstance(rule, dict))


def _with_links(notes: Document, env: Mapping[str, str]) -> None:
    if not flag(env, "GRAFANA_ENABLED"):
        notes.pop("dashboard_url", None)
    for name, text in notes.items():
        if str(name).endswith("_url") and isinstance(text, str):
            notes[name] = _moved(text, env)


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
    critical = [child for child in route.get("routes") or [] if child["receiver"] == "critical"]
    if not critical:
        raise DeployError("deploy/alertmanager/alertmanager.yml has no route to `critical`")
    critical[0]["repeat_interval"] = value(env, "ALERT_REPEAT_INTERVAL_CRITICAL")
    if hours := value(env, "ALERT_QUIET_HOURS"):
        _quiet(base, hours, value(env, "ALERT_TIMEZONE") or "UTC")
    contents = {
        "critical": receivers.filled("critical", env, secrets),
        "warning": receivers.filled("warning", env, secrets),
    }
    if beat := receivers.watchdog(env, secrets):
        contents["watchdog"] = {"webhook_configs": [beat]}
    base["receivers"] = [
        {**receiver, **contents.get(receiver["name"], {})} for receiver in base["receivers"]
    ]
    base["templates"] = [
        name.replace("/etc/alertmanager/", f"{GENERATED_AT}/alertmanager/")
        for name in base.get("templates") or []
    ]
    if way := outgoing(env, secrets):
        _through(base, way)
    return base


def _quiet(base: Document, hours: str, zone: str) -> None:
    """Let whatever the root would take wait during these hours; the zone knows of summer time."""
    begin, end = hours.split("-")
    # A day ends at 24:00 for Alertmanager, so a night is the end of one and the beginning of one.
    spans = [(begin, end)] if begin < end else [(begin, "24:00"), ("00:00", end)]
    times = [{"start_time": a, "end_time": b} for a, b in spans if a != b]
    base["time_intervals"] = [
        *(base.get("time_intervals") or []),
        {"name": "quiet-hours", "time_intervals": [{"times": times, "location": zone}]},
    ]
    # The root itself cannot be muted.
    last = {"receiver": base["route"]["receiver"], "mute_time_intervals": ["quiet-hours"]}
    base["route"]["routes"].append(last)


def outgoing(env: Mapping[str, str], secrets: Secrets) -> Document:
    """Return how Alertmanager reaches receivers through a proxy; empty where there is none."""
    proxy = secrets.proxy or value(env, "ALERT_PROXY_URL")
    if not proxy:
        return {}
    without = value(env, "ALERT_NO_PROXY")
    return {"proxy_url": proxy, **({"no_proxy": without} if without else {})}


def _through(base: Document, way: Document) -> None:
    overall = base["global"] = base.get("global") or {}
    overall["http_config"] = {**(overall.get("http_config") or {}), **way}
    # A receiver that has an http_config of its own takes nothing from the one above.
    for receiver in base["receivers"]:
        for configs in receiver.values():
            for config in configs if isinstance(configs, list) else []:
                if "http_config" in config:
                    config["http_config"] = {**config["http_config"], **way}


class _Dumper(yaml.SafeDumper):
    """Writes long texts as they are, and never an anchor (`&id001`) in place of a repetition."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _yaml(document: Document, source: str) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=4096, allow_unicode=True)
    return _HEADER.format(source=source) + text


def _load(path: Path) -> Document:
    with path.open(encoding="utf-8") as file:  # a file, because yaml names it when it complains
        document = yaml.safe_load(file)
    if not isinstance(document, dict):
        raise DeployError(f"{path} holds no settings")
    return document
