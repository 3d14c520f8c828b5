"""Pins of the images, by tag and digest, in docker-compose.yml: shown, compared, bumped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from .console import StackError, run, say
from .registry import without_digest

_PIN = re.compile(r"\$\{(?P<name>[A-Z]+_IMAGE):-(?P<image>[^}@]+:[^}@]+@sha256:[0-9a-f]{64})\}")


def read(compose_file: Path) -> dict[str, str]:
    """Return each pinned image by the variable that replaces it."""
    text = compose_file.read_text(encoding="utf-8")
    return {found["name"]: found["image"] for found in _PIN.finditer(text)}


def bump(compose_file: Path, wanted: Mapping[str, str]) -> None:
    """Write the digests that the registries have today, and say what changed.

    Args:
        compose_file: holds the pins.
        wanted: new tags by variable, for example `PROMETHEUS_IMAGE` to `v3.13.5`; the others keep
            their tag.

    Raises:
        StackError: nothing is written; a name is unknown, or a registry does not answer.
    """
    pinned = read(compose_file)
    for name in wanted:
        if name not in pinned:
            raise StackError(f"{name} pins nothing; one of {', '.join(sorted(pinned))}")
    text = compose_file.read_text(encoding="utf-8")
    for name, image in pinned.items():
        tagged = without_digest(image)
        if name in wanted:
            tagged = f"{tagged.rpartition(':')[0]}:{wanted[name]}"
        new = f"{tagged}@{_digest(tagged)}"
        say(f"  {name:20} {'as pinned' if new == image else f'{image} -> {new}'}")
        text = text.replace(f"${{{name}:-{image}}}", f"${{{name}:-{new}}}")
    compose_file.write_text(text, encoding="utf-8")


def _digest(image: str) -> str:
    """Return the digest that the image's registry gives for its tag."""
    shape = "{{json .Manifest}}"
    asked = run(["docker", "buildx", "imagetools", "inspect", "--format", shape, image], timeout=60)
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no answer"])[-1]
        raise StackError(f"{image}: its registry gave no digest ({reason}); nothing is changed")
    digest: str = json.loads(asked.stdout)["digest"]
    return digest
