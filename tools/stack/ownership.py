"""Folder that a project belongs to: two checkouts never touch each other's containers and data.

Containers name their folder in a label of Compose, but `make down` removes them and keeps the data. So
an empty volume beside the data says whose it is; a volume's labels cannot be changed, and of two that
claim the same project at once the engine gives it to the first.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from .console import StackError, run

FOLDER_LABEL = "dreamos.folder"
NEW_SECONDS = 600.0
_PROJECT_LABEL = "com.docker.compose.project"
_WORKING_LABEL = "com.docker.compose.project.working_dir"


def claim(project: str, folder: Path, *, adopt: bool = False) -> None:
    """Make sure that a project belongs to a folder; one that nobody has is taken.

    Args:
        project: name of the Compose project.
        folder: the checkout that wants to work on it.
        adopt: take it also when it belongs to another folder.

    Raises:
        StackError: it belongs to another folder.
    """
    check(project, folder, adopt=adopt)
    if _marked(project) != str(folder):
        run(["docker", "volume", "rm", marker(project)])
        label = f"{FOLDER_LABEL}={folder}"
        made = run(["docker", "volume", "create", "--label", label, marker(project)])
        if made.returncode:
            raise StackError(f"{marker(project)} cannot be made: {made.stderr.strip()}")
    if _marked(project) != str(folder):  # another folder was first, at the same moment
        check(project, folder)


def check(project: str, folder: Path, *, adopt: bool = False) -> None:
    """Refuse to work on a project that belongs to another folder.

    Raises:
        StackError: with both folders and both ways out.
    """
    owner = owner_of(project)
    if owner in {"", str(folder)} or adopt:
        return
    gone = "" if Path(owner).is_dir() else " (which is not there any more)"
    raise StackError(
        f"the project {project} belongs to another folder, and nothing of it was touched:\n"
        f"    it is of   {owner}{gone}\n"
        f"    this is    {folder}\n"
        "  For a stack of its own set COMPOSE_PROJECT_NAME in .env, for example "
        f"COMPOSE_PROJECT_NAME={project}-2, and other ports.\n"
        "  To take over its containers and data from here: `ADOPT=1 make up`."
    )


def owner_of(project: str) -> str:
    """Return the folder that a project belongs to; empty when there is nothing of it.

    A mark that was made a moment ago counts also alone: its folder is about to start the project.
    """
    if not (_containers(project) or _volumes(project) or _is_new(project)):
        return ""
    return _marked(project) or _labelled(project)


def may_adopt() -> bool:
    """Tell whether the environment says to take over another folder's project."""
    return os.environ.get("ADOPT", "0").lower() in {"1", "true", "yes"}


def forget(project: str) -> None:
    """Remove the mark, after the data is gone."""
    run(["docker", "volume", "rm", marker(project)])


def marker(project: str) -> str:
    """Return the name of the volume that says whose the project is."""
    return f"{project}_folder"


def _marked(project: str) -> str:
    shape = f'{{{{index .Labels "{FOLDER_LABEL}"}}}}'
    found = run(["docker", "volume", "inspect", "--format", shape, marker(project)])
    return found.stdout.strip() if found.returncode == 0 else ""


def _is_new(project: str) -> bool:
    shape = "{{.CreatedAt}}"
    found = run(["docker", "volume", "inspect", "--format", shape, marker(project)])
    if found.returncode:
        return False
    # Python before 3.11 does not read a Z.
    made = datetime.fromisoformat(found.stdout.strip().replace("Z", "+00:00"))
    return (datetime.now(timezone.utc) - made).total_seconds() < NEW_SECONDS


def _labelled(project: str) -> str:
    shape = f'{{{{.Label "{_WORKING_LABEL}"}}}}'
    found = run(["docker", "ps", "--all", "--filter", _filter(project), "--format", shape])
    return next((line for line in found.stdout.splitlines() if line), "")


def _containers(project: str) -> list[str]:
    return run(["docker", "ps", "--all", "--quiet", "--filter", _filter(project)]).stdout.split()


def _volumes(project: str) -> list[str]:
    listed = run(["docker", "volume", "ls", "--quiet", "--filter", _filter(project)])
    return listed.stdout.split()


def _filter(project: str) -> str:
    return f"label={_PROJECT_LABEL}={project}"
