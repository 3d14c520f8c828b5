"""Registries of images: pulled from, and not asked again when they cannot be reached."""

from __future__ import annotations

from .console import StackError, agrees, say, step, watch


def without_digest(image: str) -> str:
    """Return the name and tag of an image that is pinned to a digest as well."""
    return image.partition("@")[0]


class Registry:
    """Pulls images, and asks a registry that could not be reached only once."""

    def __init__(self) -> None:
        self._unreachable: dict[str, str] = {}

    def pull(self, name: str, image: str) -> str | None:
        """Pull an image; return the name that it has then, or None where no registry was reached.

        Args:
            name: the variable that replaces the image.
            image: with tag, and digest where it is pinned.

        Raises:
            StackError: the registry does not have it, or not with that digest.
        """
        host = registry_of(image)
        if host in self._unreachable:
            return None
        with step(f"Pulling {image}"):
            code, output = watch(["docker", "pull", image], silence=60, show=_layer_done)
        if code == 0:
            return image
        reason = (output.strip().splitlines() or ["it fell silent"])[-1]
        if _says_unreachable(code, reason):
            self._unreachable[host] = reason
            say(f"    The registry of {image} cannot be reached: {reason[:200]}")
            return None
        refusal = _refused(name, image, reason)
        tag = without_digest(image)
        if tag != image:
            say(f"  {refusal}")
            if agrees(f"Take {tag} with the digest that the registry has?"):
                return self.pull(name, tag)
        raise StackError(refusal)


def _refused(name: str, image: str, reason: str) -> str:
    tag = without_digest(image)
    if tag == image:
        return f"{image} cannot be pulled: {reason}\n  Name another one with {name} in .env."
    return (
        f"{tag} is not in the registry with the digest that is pinned:\n      {reason}\n"
        "  Nothing was changed. To take what the registry has under that tag today:\n"
        f"      {name}={tag}    in .env, or for all images `DIGESTS=0 make up`\n"
        "  To pin anew what the registries have: `make pins`."
    )


def registry_of(image: str) -> str:
    """Return the registry part of an image name; empty for the engine's default registry."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def _says_unreachable(code: int, reason: str) -> bool:
    # Read from the engine's own message: it has one exit code for every failure.
    signs = (
        "no such host",
        "dial tcp",
        "timeout",
        "TLS",
        "refused",
        "network",
        "proxyconnect",
        "EOF",
    )
    return code == 124 or any(sign.lower() in reason.lower() for sign in signs)


def _layer_done(line: str) -> bool:
    return line.startswith(("Digest:", "Status:")) or line.endswith("Pull complete")
