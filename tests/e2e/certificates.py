"""An authority of one's own, as companies have them, and certificates of it."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def authority(folder: Path) -> Path:
    """Make an authority; returns its certificate."""
    _openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Company",
        "-keyout", "ca.key", "-out", "ca.pem",
    )  # fmt: skip
    return folder / "ca.pem"


def server_context(folder: Path, *names: str) -> ssl.SSLContext:
    """Make a certificate of the authority for host names; returns what a server takes."""
    listed = ",".join(f"DNS:{name}" for name in names)
    (folder / "names").write_text(f"subjectAltName={listed}\n")
    _openssl(
        folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={names[0]}",
        "-keyout", "server.key", "-out", "server.csr",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem",
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True)
