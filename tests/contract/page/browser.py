"""A real Chromium, driven over its debugging pipe: no driver, no port, nothing to install.

Messages of the DevTools protocol are JSON, each ended by a zero byte: to Chromium on its file
descriptor 3, from it on 4 (``--remote-debugging-pipe``).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

TIMEOUT = 30.0
"""Seconds that one command or one page may take."""

Message = dict[str, Any]


def find() -> str | None:
    """Return the path of a Chromium, None when there is none on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One headless Chromium with one page.

    Args:
        program: path of the browser.
        profile: empty folder for what it writes.
    """

    def __init__(self, program: str, profile: Path) -> None:
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        arguments = [
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
        ]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium refuses to run as root with it
        shell = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
        self._log = (profile.parent / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            ["bash", "-c", shell, program, *arguments, "about:blank"],
            pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(to_child)
        os.close(from_child)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[Message] = []
        """What the page said since it was opened, oldest first."""
        self._password: str | None = None
        self._attach()

    def _attach(self) -> None:
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        answer = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    # The protocol

    def call(self, method: str, **parameters: Any) -> Message:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        number, deadline = self._number, time.monotonic() + TIMEOUT
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return cast(Message, answer["result"])

    def _next(self, deadline: float) -> Message:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            assert ready, "Chromium does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "Chromium has ended"
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: Message = json.loads(raw)
        if "method" in message:
            self.events.append(message)
        return message

    def wait(self, method: str) -> Message:
        """Return the parameters of the first event ``method`` since the page was opened."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            for event in self.events:
                if event["method"] == method:
                    return cast(Message, event["params"])
            self._next(deadline)

    # What a person does

    def look(self, width: int, dark: bool = False) -> None:
        """Choose the width of the window in CSS pixels and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str, password: str | None = None) -> None:
        """Open a page and wait until it is loaded.

        Args:
            url: its address.
            password: what is typed into the browser's own dialog, should one open.
        """
        self.events.clear()
        if password is not None:
            everything = [{"urlPattern": "*"}]
            self.call("Fetch.enable", handleAuthRequests=True, patterns=everything)
            self._open_with_dialog(url, password)
            self.call("Fetch.disable")
        else:
            self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def follow(self, selector: str) -> None:
        """Click the link that the CSS selector finds, and wait until its page is loaded."""
        self.events.clear()
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")
        self.wait("Page.loadEventFired")

    def _open_with_dialog(self, url: str, password: str) -> None:
        self._send_only("Page.navigate", url=url)
        done, deadline = 0, time.monotonic() + TIMEOUT
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            for event in self.events[done:]:
                request = event["params"].get("requestId")
                if event["method"] == "Fetch.requestPaused":
                    self._send_only("Fetch.continueRequest", requestId=request)
                elif event["method"] == "Fetch.authRequired":
                    self._send_only(
                        "Fetch.continueWithAuth",
                        requestId=request,
                        authChallengeResponse={
                            "response": "ProvideCredentials",
                            "username": "anybody",
                            "password": password,
                        },
                    )
            done = len(self.events)
            self._next(deadline)

    def _send_only(self, method: str, **parameters: Any) -> None:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")

    # What a person sees

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Return what the page wrote to the console, and what the browser said against it."""
        self.ask("0")  # everything that was said before this answer has arrived with it
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(e["params"]) for e in self.events if e["method"] in kinds]

    def hosts(self) -> set[str]:
        """Return every host (with its port) that the page asked for something."""
        asked = [
            urlsplit(event["params"]["request"]["url"])
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return {address.netloc for address in asked if address.scheme != "data"}

    def screenshot(self, path: Path) -> None:
        """Write a picture of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError):
            self._session = None
            self._number += 1
            os.write(self._write, b'{"id":0,"method":"Browser.close"}\0')
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(60)
        for handle in (self._read, self._write):
            os.close(handle)
        self._log.close()
