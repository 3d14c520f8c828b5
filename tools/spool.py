"""Look into the spool folder of the metrics library, and send what waits there.

python -m tools.spool list            what lies there and whose it is
python -m tools.spool send            send everything that has no living owner
python -m tools.spool send --help     other service, token, folder

Agents do this by themselves whenever one of them runs; this is for machines where none will run again.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

if importlib.util.find_spec("dreamos_metrics") is None:  # run from a checkout, without the wheel
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from dreamos_metrics.push import spool_delivery
from dreamos_metrics.push.settings import read_settings
from dreamos_metrics.spool import recovery, spool_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when nothing is left to send, 1 when something is, 2 on a wrong argument."""
    options = _parser().parse_args(arguments)
    folder = Path(options.folder) if options.folder else _folder()
    if not folder.is_dir():
        print(f"{folder}: no such folder; no agent of this user has run here, or it has no spool")
        return 0
    try:
        spool_folder.check_folder(folder)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return _list(folder) if options.command == "list" else _send(folder, options)


def _folder() -> Path:
    setting = read_settings(agent="spool").spool
    return Path(setting) if setting else spool_folder.default_folder()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.spool",
        description="Look into the spool folder of the metrics library, and send what waits there.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("list", "show what lies there"), ("send", "send what has no living owner")):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--folder", help="the spool folder (default: DREAMOS_METRICS_SPOOL, or the user's)"
        )
        if name == "send":
            command.add_argument(
                "--url",
                type=_url,
                help="send everything to this service (default: each where it was meant for)",
            )
            command.add_argument(
                "--token-file", type=Path, help="file with the push token (default: environment)"
            )
            command.add_argument(
                "--timeout", type=_seconds, default=60.0, help="seconds in all (default: 60)"
            )
    return parser


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} must look like http://127.0.0.1:8000")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise argparse.ArgumentTypeError(f"{text!r} must be seconds, e.g. 60")
    return seconds


def _list(folder: Path) -> int:
    waiting = 0
    for path in spool_folder.waiting(folder):
        age = f"{max(0.0, time.time() - path.stat().st_mtime):.0f} s old"
        if spool_folder.is_owned(path):
            print(f"{path.name}  of a running process, {age}")
            continue
        with recovery.claim(path) as entry:
            if entry is None:
                continue
            waiting += 1
            end = "killed" if entry.uncertain else "ended while the service was away"
            header = entry.header
            print(f"{path.name}  {header['job']}/{header['agent']}: {end}, {age}, {header['url']}")
    refused = sorted(folder.glob(f"*{spool_folder.REFUSED}"))
    for path in refused:
        print(f"{path.name}  set aside: the service refused it, or it is damaged")
    print(f"{waiting} waiting, {len(refused)} set aside, in {folder}")
    return int(waiting > 0)


def _send(folder: Path, options: argparse.Namespace) -> int:
    token = read_settings(agent="spool").token
    if options.token_file:
        try:
            token = options.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            print(f"--token-file: {error}", file=sys.stderr)
            return 2
    urls = [options.url] if options.url else _urls(folder)
    until = time.monotonic() + options.timeout
    sent = refused = 0
    problems = []
    for url in urls:
        report = spool_delivery.send_spooled(
            folder,
            url,
            token,
            seconds=max(0.1, until - time.monotonic()),
            any_url=bool(options.url),
        )
        sent, refused = sent + report.sent, refused + report.refused
        if report.problem:
            problems.append(f"{url}: {report.problem}")
    left = sum(not spool_folder.is_owned(path) for path in spool_folder.waiting(folder))
    print(f"{sent} sent, {refused} refused and set aside, {left} left")
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(left > 0)


def _urls(folder: Path) -> list[str]:
    found = []
    for path in spool_folder.waiting(folder):
        with recovery.claim(path) as entry:
            if entry is not None and entry.header["url"] not in found:
                found.append(entry.header["url"])
    return found


if __name__ == "__main__":
    raise SystemExit(main())
