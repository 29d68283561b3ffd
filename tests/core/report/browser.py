"""Headless Chromium, driven through chromedriver's HTTP interface."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--window-size=1400,1000"]  # fmt: skip


def chromium() -> tuple[str, str] | None:
    """Browser and driver, where both are installed."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Page:
    """One tab."""

    def __init__(self, address: str, session: str) -> None:
        self._base = f"{address}/session/{session}"

    def open(self, path: Path) -> None:
        _call(f"{self._base}/url", {"url": path.resolve().as_uri()})

    def run(self, script: str, *args: Any) -> Any:
        """The value that a function body returns."""
        return _call(f"{self._base}/execute/sync", {"script": script, "args": list(args)})

    def click(self, selector: str) -> None:
        """As a mouse does, in the middle of the element."""
        found = _call(f"{self._base}/element", {"using": "css selector", "value": selector})
        _call(f"{self._base}/element/{next(iter(found.values()))}/click", {})

    def press(self, key: str) -> None:
        """A key, as the element that has the focus gets it."""
        actions = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        _call(f"{self._base}/actions", {"actions": [keyboard]})

    def dark(self, on: bool) -> None:
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.devtools("Emulation.setEmulatedMedia", {"features": [feature]})

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        return _call(f"{self._base}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self) -> list[str]:
        """What the browser complained of."""
        entries = _call(f"{self._base}/se/log", {"type": "browser"})
        return [str(entry["message"]) for entry in entries]

    def screenshot(self, path: Path) -> None:
        data = _call(f"{self._base}/screenshot", None)
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browsing() -> Iterator[Page]:
    """A new browser with an empty profile, ended with the block. Needs `chromium`."""
    found = chromium()
    assert found is not None
    browser, driver = found
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}", "--silent"], env={**os.environ})
    address = f"http://127.0.0.1:{port}"
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            options = {"binary": browser, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
            wanted = {
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            _wait(address)
            session = _call(f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
            name = session["sessionId"]
            try:
                yield Page(address, name)
            finally:
                _call(f"{address}/session/{name}", None, method="DELETE")
    finally:
        process.terminate()
        process.wait(10)


def _wait(address: str) -> None:
    for _ in range(100):
        try:
            if _call(f"{address}/status", None)["ready"]:
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("chromedriver does not answer")


def _call(address: str, body: Any, *, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data, headers, method=method)
    # Past any proxy: the driver is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()[:500]) from None
