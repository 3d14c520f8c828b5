"""`python -m tools.render`: write the configuration of the service's probes, Prometheus, Alertmanager.

Runs before them in a container of its own. Every setting and secret is checked first; when one is
wrong, each problem is printed on a line of its own, nothing is written and the exit code is 2.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from services.metrics.observer.probes.config import ProbeFileError
from services.metrics.settings import BadSetting, Settings
from tools.render import documents, secrets
from tools.render.objectives import ObjectiveError
from tools.render.variables import check, known

READABLE = 0o644
"""The files hold no secret, and other users' containers read them."""

FOLDERS = ("prometheus/alerts", "prometheus/rules", "alertmanager/templates", "alertmanager/ca")
"""Where a file that is not written any more is removed."""

PRIVATE = 0o640
"""Alertmanager's file while it holds the password of a proxy: its group is Alertmanager's."""


def render(
    deploy: Path,
    secret_files: Path,
    out: Path,
    env: Mapping[str, str],
    probes: Path | None = None,
    ca: Path | None = None,
) -> list[str]:
    """Write every file below `out` and return no problems, or return them and write nothing."""
    settings = known(env)
    problems = check(settings)
    found, wrong = secrets.read(secret_files, settings)
    if problems + wrong:
        return [str(problem) for problem in problems + wrong]
    try:
        Settings.from_env(settings)
    except BadSetting as error:
        return [str(error)]
    try:
        files = documents.build(deploy, settings, found, probes)
    except ObjectiveError as error:
        return [str(error)]
    if ca is not None and "BEGIN CERTIFICATE" in (certificates := ca.read_text(encoding="utf-8")):
        files["alertmanager/ca/extra.pem"] = certificates
    for name, text in files.items():
        private = found.proxy and name == "alertmanager/alertmanager.yml"
        write(out / name, text, PRIVATE if private else READABLE)
    for folder in FOLDERS:
        _remove_others(out, folder, files)
    return []


def write(path: Path, text: str, mode: int = READABLE) -> None:
    """Write `text` to `path` so that a reader sees the old content or the new, never a part.

    What is as it was keeps its time, which the alert ConfigurationOutdated looks at.
    """
    if _holds(path, text, mode):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 written, 2 a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.render", description=__doc__)
    parser.add_argument("--deploy", type=Path, default=Path("deploy"), help="the base files")
    parser.add_argument(
        "--secrets",
        type=Path,
        required=True,
        help="folder that holds alertmanager/ with its secret files",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--probes", type=Path, help="the user's own list of probes (PROBES_FILE)")
    parser.add_argument("--ca", type=Path, help="further certificates to trust (ALERT_CA_FILE)")
    options = parser.parse_args(arguments)
    try:
        problems = render(
            options.deploy, options.secrets, options.out, os.environ, options.probes, options.ca
        )
    except ProbeFileError as error:
        problems = [f"PROBES_FILE: {error}"]
    except documents.DeployError as error:
        problems = [str(error)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problems = [f"{options.deploy}: {error}"]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 2 if problems else 0


def _holds(path: Path, text: str, mode: int) -> bool:
    try:
        same = path.stat().st_mode & 0o777 == mode
        return same and path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _remove_others(out: Path, folder: str, files: Mapping[str, str]) -> None:
    # A file that was deleted from deploy/ must not live on in the volume.
    for path in (out / folder).glob("*"):
        if f"{folder}/{path.name}" not in files:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
