"""Reader of `.env`: Compose's own, asked for what it understands.

So what is checked is what the containers get: quotes, comments, `$`, backslashes, `export`, line ends
and byte order marks mean what Compose takes them to mean. What it understood is handed to it as
variables of its process, which it does not interpret a second time.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from .console import StackError, run

# No file of the working folder is read beside the one that is asked for.
NO_FILE = os.devnull
_UNSET = re.compile(r'The \\?"([^"\\]+)\\?" variable is not set')
_BARE_NAME = re.compile(r"\s*(?:export\s+)?[A-Za-z_]\w*\s*(?:#.*)?")


def read(path: Path) -> dict[str, str]:
    """Read a file of `NAME=value` lines as Compose does.

    Raises:
        StackError: with the number of the line that is no setting, or the `$` that would vanish.
    """
    text = _text(path)
    command = ["docker", "compose", "--project-name", "reader", "--env-file", NO_FILE, "-f", "-"]
    result = run([*command, "config", "--format", "json"], text=_document(path), cwd="/")
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        reason = reason.replace(f"failed to read {path}: ", "")
        raise StackError(f"{path}, {reason}; write NAME=value, for example METRICS_PORT=8000")
    if vanished := _UNSET.search(result.stderr):
        raise StackError(_vanished(path, text, vanished[1]))
    environment = json.loads(result.stdout)["services"]["reader"].get("environment") or {}
    # What Compose prints can be read by Compose again: there `$$` is a dollar sign.
    values = {name: value.replace("$$", "$") for name, value in environment.items() if value}
    _refuse_bare_names(path, text, values)
    return {**dict.fromkeys(environment, ""), **values}


def _document(path: Path) -> str:
    source = str(path.absolute()).replace("$", "$$")
    return json.dumps({"services": {"reader": {"image": "none", "env_file": [source]}}})


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise StackError(f"{path} is not text in UTF-8: save it again in that encoding") from None
    except OSError as error:
        raise StackError(f"{path} cannot be read ({error.strerror})") from None
    if "\0" in text:
        raise StackError(f"{path} is not text in UTF-8: save it again in that encoding")
    return text


def _vanished(path: Path, text: str, name: str) -> str:
    place = re.compile(rf"\$\{{?{re.escape(name)}\b")
    lines = text.splitlines()
    number = next((at for at, line in enumerate(lines, start=1) if place.search(line)), 0)
    return (
        f"{path}, line {number}: ${name} stands for a variable that is not set, so that it would "
        "vanish; a dollar sign that is meant goes between single quotes: NAME='a$b'"
    )


def _refuse_bare_names(path: Path, text: str, values: dict[str, str]) -> None:
    # Compose takes a name without a value for one that the shell has, and says nothing where the
    # shell does not have it. Inside a value of several lines a word may stand alone.
    if any("\n" in value for value in values.values()):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if _BARE_NAME.fullmatch(line):
            raise StackError(
                f"{path}, line {number}: {line.strip()!r} is not a setting; "
                "write NAME=value, for example METRICS_PORT=8000"
            )
