"""The part of the message templates that follows the settings: times in the reader's own zone."""

from __future__ import annotations

from collections.abc import Mapping

from tools.render.variables import value

_HEADER = "{{/* Written by `python -m tools.render` from .env. Changes here are lost. */}}\n"
# "2026-11-23 23:30:00 UTC (00:30 CET on 24 Nov)": the day only where it is another one there. The base
# file defines the same names for UTC alone, and Alertmanager takes the last definition.
_ZONE = """
{{ define "dreamos.time" -}}
{{ .UTC.Format "2006-01-02 15:04:05" }} UTC ({{ template "dreamos.there" . }})
{{- end }}

{{ define "dreamos.span" -}}
{{ template "dreamos.span.utc" . }} ({{ template "dreamos.there" .StartsAt }} to {{ template "dreamos.there" .EndsAt }})
{{- end }}

{{ define "dreamos.there" -}}
{{ $there := tz "ZONE" . }}{{ $there.Format "15:04 MST" }}
{{- if ne ($there.Format "2 Jan") (.UTC.Format "2 Jan") }}{{ $there.Format " on 2 Jan" }}{{ end }}
{{- end }}
"""


def settings(env: Mapping[str, str]) -> str:
    """Return the template file for these settings; without a zone it defines nothing."""
    zone = value(env, "ALERT_TIMEZONE")
    return _HEADER + (_ZONE.replace("ZONE", zone) if zone else "")
