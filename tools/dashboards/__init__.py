"""The dashboards of the stack, as code: one function per panel, written as JSON for Grafana."""
