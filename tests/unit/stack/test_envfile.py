"""What is read from `.env` is what a program in a container gets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tools.stack import envfile
from tools.stack.console import StackError
from tools.stack.images import SUBSTITUTES

READ = {
    "plain": ("PORT=8001", "8001"),
    "blanks around": ("PORT = 8001", "8001"),
    "export": ("export PORT=8001", "8001"),
    "single quotes": ("PORT='8001'", "8001"),
    "double quotes": ('PORT="8001"', "8001"),
    "comment behind": ("PORT=8001 # ours", "8001"),
    "comment behind quotes": ('PORT="8001" # moved', "8001"),
    "comment behind single quotes": ("PORT='8001'   # moved", "8001"),
    "tabs": ("PORT=\t8001\t", "8001"),
    "a tab begins no comment": ("PORT=8001\t# moved", "8001\t# moved"),
    "hash inside": ("PORT=a#b", "a#b"),
    "blanks inside quotes": ('PORT="./my secrets" # x', "./my secrets"),
    "dollar in single quotes": ("PORT='dom$user'", "dom$user"),
    "two dollars": ("PORT=a$$b", "a$b"),
    "escaped dollar": ('PORT="a\\$b"', "a$b"),
    "backslash": ("PORT='a\\b'", "a\\b"),
    "another setting": ("A=x\nPORT=${A}y", "xy"),
    "a default": ("PORT=${NOBODY_SETS_THIS:-8001}", "8001"),
    "empty": ("PORT=", ""),
    "windows lines": ("A=1\r\nPORT=8001\r\n", "8001"),
    "byte order mark": ("\ufeffPORT=8001", "8001"),
    "no line end": ("PORT=8001", "8001"),
    "the last one counts": ("PORT=1\nPORT=8001", "8001"),
    "not ascii": ("PORT=Zoë", "Zoë"),
}
REFUSED = {
    "no setting": ("A=1\nnonsense\n", "line 2: 'nonsense' is not a setting; write NAME=value"),
    "a sentence": ("A=1\nthis is text\n", "line 2: key cannot contain a space"),
    "open quotes": ('A="1\nB=2\n', "unterminated quoted value"),
    "a dollar that would vanish": ("A=1\nUSER_NAME=dom$user\n", "line 2: $user stands for a var"),
    "one in double quotes": ('USER_NAME="dom$user"\n', "goes between single quotes: NAME='a$b'"),
    "one in braces": ("USER_NAME=${nobody_sets_this}\n", "line 1: $nobody_sets_this stands for"),
}


@pytest.mark.parametrize("name", READ)
def test_a_setting_is_read_as_compose_reads_it(tmp_path: Path, name: str) -> None:
    text, value = READ[name]
    path = tmp_path / ".env"
    path.write_bytes(text.encode())

    assert value == envfile.read(path)["PORT"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_arrive_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text, said = REFUSED[name]
    path = tmp_path / ".env"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(StackError) as refusal:
        envfile.read(path)

    assert said in str(refusal.value)


@pytest.mark.parametrize("content", [b"A=\xff", "A=1".encode("utf-16"), b"A=\0"])
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)

    with pytest.raises(StackError, match="is not text in UTF-8"):
        envfile.read(path)


def test_a_path_with_a_dollar_in_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a$b c.env"
    path.write_text("PORT=1\n")

    assert {"PORT": "1"} == envfile.read(path)


def seen_in_a_container(path: Path, names: list[str], given: dict[str, str]) -> dict[str, str]:
    """Return what a program gets from `${NAME}` in a compose file.

    Both ways are asked at once: with what we hand on, and with the file given to Compose alone.
    """
    shell = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    ours = printed(envfile.NO_FILE, names, {**shell, **given})
    assert printed(str(path), names, shell) == ours
    return ours


def printed(env_file: str, names: list[str], environment: dict[str, str]) -> dict[str, str]:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    service = {
        "image": SUBSTITUTES["PYTHON_IMAGE"].tag,
        "network_mode": "none",
        "command": ["python3", "-c", code],
        "environment": {f"SEEN_{name}": f"${{{name}}}" for name in names},
    }
    document = json.dumps({"services": {"one": service}})
    command = ["docker", "compose", "-p", f"dreamos-envfile-{os.getpid()}", "--env-file", env_file]
    done = subprocess.run(
        [*command, "-f", "-", "run", "--rm", "-T", "one"],
        input=document,
        text=True,
        encoding="utf-8",
        cwd="/",
        env=environment,
        capture_output=True,
        check=True,
        timeout=180,
    )
    found = json.loads(done.stdout)
    return {name: found[f"SEEN_{name}"] for name in names}


PIECES = st.sampled_from(
    [
        "a",
        "7",
        " ",
        "\t",
        "#",
        " #",
        "$",
        "$$",
        "${A}",
        "\\",
        "\\n",
        "'",
        '"',
        "=",
        ":",
        "é",
        "{",
        "%",
        ",",
    ]
)
VALUES = st.lists(PIECES, max_size=6).map("".join)
QUOTES = st.sampled_from(["{}", "'{}'", '"{}"', '"{}" # said', "  {}\t", "'{}'\t# x"])
LINES = st.builds(lambda shape, value: shape.format(value), QUOTES, VALUES)


@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=st.lists(LINES, min_size=30, max_size=30))
def test_whatever_is_written_programs_get_what_was_checked(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / ".env"
    readable = {}
    for number, line in enumerate(lines):
        path.write_text(f"A=one\nV{number}={line}\n", encoding="utf-8")
        try:
            envfile.read(path)
        except StackError:
            continue
        readable[f"V{number}"] = line
    path.write_text(
        "A=one\n" + "".join(f"{n}={li}\n" for n, li in readable.items()), encoding="utf-8"
    )

    read = envfile.read(path)

    assert 5 < len(read)
    assert read == seen_in_a_container(path, sorted(read), read)
