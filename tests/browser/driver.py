"""Debian's Chromium, driven through chromedriver as the WebDriver standard has it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""Key under which the standard has an element's id."""


class BrowserError(Exception):
    """What the browser answered in place of a value."""


class Browser:
    """A window of a headless Chromium."""

    def __init__(self, server: str, downloads: Path, *, dark: bool = False) -> None:
        self.server = server
        options = {
            "args": [
                *("--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--disable-dev-shm-usage", "--no-first-run"),
                *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            ],
            "prefs": {
                "download.default_directory": str(downloads),
                "download.prompt_for_download": False,
            },
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        made = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/{made['sessionId']}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.server}/session{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise BrowserError(json.load(error)["value"]["message"]) from error

    def post(self, path: str, **body: Any) -> Any:
        return self._ask("POST", self.session + path, body)

    def open(self, page: Path) -> None:
        self.post("/url", url=page.absolute().as_uri())

    def url(self) -> str:
        return str(self._ask("GET", f"{self.session}/url"))

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns; a promise is waited for."""
        return self.post("/execute/sync", script=script, args=list(arguments))

    def frame(self) -> None:
        """Wait until what is due has been drawn."""
        self.run(
            "return new Promise((r) => requestAnimationFrame(() => setTimeout(r)))"
        )

    def element(self, selector: str) -> dict[str, str]:
        return dict(self.post("/element", using="css selector", value=selector))

    def click(self, selector: str) -> None:
        self.post(f"/element/{self.element(selector)[ELEMENT]}/click")
        self.frame()

    def click_at(self, selector: str, x: float, y: float) -> None:
        """Click beside the middle of an element, by fractions of its size."""
        box = self.run(
            "const b = arguments[0].getBoundingClientRect();return [b.width, b.height]",
            element := self.element(selector),
        )
        at = {"x": round(x * box[0]), "y": round(y * box[1]), "origin": element}
        mouse = [
            {"type": "pointerMove", **at},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": mouse})

    def wheel(self, selector: str, turned: int) -> None:
        at = {"x": 0, "y": 0, "origin": self.element(selector)}
        turn = {"type": "scroll", "deltaX": 0, "deltaY": turned, **at}
        self._act({"type": "wheel", "id": "wheel", "actions": [turn]})

    def keys(self, *keys: str) -> None:
        """Type keys into what has the focus."""
        strokes = [
            {"type": kind, "value": key}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def _act(self, source: dict[str, Any]) -> None:
        self.post("/actions", actions=[source])
        self.frame()

    def answer_dialog(self) -> None:
        self.post("/alert/accept")

    def resize(self, width: int, height: int) -> None:
        """Let the page be as large as on another screen; windows have a least width."""
        size = {"width": width, "height": height}
        screen = {**size, "deviceScaleFactor": 1, "mobile": False}
        command = "Emulation.setDeviceMetricsOverride"
        self.post("/goog/cdp/execute", cmd=command, params=screen)

    def screenshot(self, path: Path) -> None:
        picture = self._ask("GET", f"{self.session}/screenshot")
        path.write_bytes(base64.b64decode(picture))

    def complaints(self) -> list[str]:
        """Return the errors and warnings of the console since the last call."""
        lines = self.post("/se/log", type="browser")
        return [f"{line['level']}: {line['message']}" for line in lines]

    def close(self) -> None:
        self._ask("DELETE", self.session)


@contextmanager
def chromedriver(log: Path) -> Generator[str]:
    """Give the address of a chromedriver that listens at a free port."""
    with (
        log.open("w") as file,
        subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            for line in process.stdout:
                if port := re.search(r"started successfully on port (\d+)", line):
                    break
            else:
                raise BrowserError(f"chromedriver did not start: {log.read_text()}")
            yield f"http://127.0.0.1:{port[1]}"
        finally:
            process.terminate()
