"""A registry of images on this machine: it has one manifest, under every tag that is asked for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG = json.dumps(
    {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
).encode()


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(CONFIG),
            "size": len(CONFIG),
        },
        "layers": [],
    }
).encode()


@dataclass
class LocalRegistry:
    """Its address, as it stands in front of an image's name."""

    host: str
    digest: str = digest_of(MANIFEST)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        reference = path.rpartition("/")[2]
        found = {"": b"{}", digest_of(CONFIG): CONFIG, digest_of(MANIFEST): MANIFEST}
        content = found.get(reference)
        if content is None and "/manifests/" in path and not reference.startswith("sha256:"):
            content = MANIFEST
        status = 200 if content is not None else 404
        if content is None:
            content = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
        self.send_response(status)
        self.send_header("Content-Type", TYPE if content == MANIFEST else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", digest_of(content))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def registry() -> Iterator[LocalRegistry]:
    """Run the registry while the body runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield LocalRegistry(f"localhost:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
