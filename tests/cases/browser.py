"""A page of the explorer opened in a browser, with all that goes wrong noted."""

from pathlib import Path
from typing import Any

import numpy as np

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {
    "viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True,
    "is_mobile": True,
}  # fmt: skip
WATCH = """document.addEventListener('securitypolicyviolation',
    event => console.error('policy: ' + event.violatedDirective))"""
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Visit:
    """A page opened, with all that went wrong."""

    def __init__(self, browser: Any, path: Path, address: str = "", **device: Any) -> None:
        self.context = browser.new_context(**(device or DESKTOP))
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.add_init_script(WATCH)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda e: self.wrong.append(f"error: {e}"))
        self.page.on("request", self._request)
        self.url = path.as_uri()
        self.page.goto(self.url + address)
        while not self.page.evaluate("check.done"):  # wait_for_function would need eval
            self.page.wait_for_timeout(20)
        self.settle()

    def _console(self, message: Any) -> None:
        if "willReadFrequently" not in message.text:  # advice on what these tests read themselves
            self.wrong.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if request.url.split("#")[0] != self.url and not request.url.startswith("data:"):
            self.wrong.append(f"request: {request.url[:80]}")

    def settle(self) -> None:
        """Waits until what was asked for is drawn."""
        self.page.evaluate(TWO_FRAMES)
        self.page.wait_for_timeout(80)

    def set(self, selector: str, value: float) -> None:
        """Moves a slider."""
        move = f"s => {{ s.value = {value}; s.dispatchEvent(new Event('input')); }}"
        self.page.locator(selector).evaluate(move)

    def ink(self, selector: str) -> np.ndarray:
        """The probabilities that a canvas of a digit shows, undone from its colours."""
        data, paper, pen = self.page.evaluate(
            """s => { const c = document.querySelector(s);
            return [[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data],
                    colour('--field'), colour('--ink')]; }""",
            selector,
        )
        red = np.array(data, float).reshape(-1, 4)[:, 0]
        return (red - paper[0]) / (pen[0] - paper[0])

    def z(self) -> list[float]:
        return self.page.evaluate("state.z")
