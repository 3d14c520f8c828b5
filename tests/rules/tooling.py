"""promtool and amtool, taken from the images that the stack itself runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.stack.images import SUBSTITUTES, present

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


class MissingImageError(Exception):
    """No image to take the tool from: an error, because a check that is left out proves nothing."""


@dataclass(frozen=True)
class Answer:
    """What a tool said, and whether it was content."""

    code: int
    text: str


@dataclass(frozen=True)
class Tool:
    """A program inside an image, run once per call without a network."""

    program: str
    image: str

    @classmethod
    def of(cls, program: str, variable: str) -> Tool:
        """Return `program` of the image that `variable` names, else of the one built here."""
        image = os.environ.get(variable) or SUBSTITUTES[variable].tag
        if not present(image):
            raise MissingImageError(
                f"no image {image} to run {program} from: `make test` gets or builds it, or name "
                f"another one with {variable}"
            )
        return cls(program, image)

    def run(self, *arguments: str, mounts: Mapping[Path, str]) -> Answer:
        """Run the program with folders of this machine mounted read-only."""
        command = ["docker", "run", "--rm", "--network=none", f"--entrypoint={self.program}"]
        for source, target in mounts.items():
            command.append(f"--volume={source}:{target}:ro")
        done = subprocess.run(
            [*command, self.image, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Answer(done.returncode, done.stdout)


def promtool() -> Tool:
    """Return promtool from PROMETHEUS_IMAGE."""
    return Tool.of("promtool", "PROMETHEUS_IMAGE")


def amtool() -> Tool:
    """Return amtool from ALERTMANAGER_IMAGE."""
    return Tool.of("amtool", "ALERTMANAGER_IMAGE")
