"""A real headless Chromium, for tests of pages; started and stopped here."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
_DRIVER = shutil.which("chromedriver")
HOW_TO_INSTALL = (
    "Pages were not tested in a browser. Install one, on Debian: apt-get install chromium chromium-driver"
)
needs_browser = pytest.mark.skipif(_CHROMIUM is None or _DRIVER is None, reason=HOW_TO_INSTALL)

# The contrast of each piece of text with what lies behind it (WCAG 2.2, 1.4.3); gives those that fail.
_LOW_CONTRAST = """
const channel = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const parse = t => (t.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
const found = []; let count = 0;
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const shape = getComputedStyle(e);
  if (!own || !e.getClientRects().length || /^(script|title|desc)$/i.test(e.tagName)) continue;
  count++;
  const ink = parse(e instanceof SVGElement ? shape.fill : shape.color), paper = behind(e);
  const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
  const size = parseFloat(shape.fontSize), bold = Number(shape.fontWeight) >= 600;
  const least = size >= 24 || (bold && size >= 18.6) ? 3 : 4.5;
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < least) found.push([e.textContent.trim().slice(0, 40), ratio]);
}
return [count, found];
"""


class Browser:
    """A page as a reader sees it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get_log("performance")
        self.driver.get(address)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def complaints(self) -> list[str]:
        """The messages in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address asked for since the page was opened, the page's own included."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def resize(self, width_px: int, height_px: int = 900) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": False},
        )

    def scheme(self, name: str) -> None:
        """Set light or dark, as the reader's system would."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]}
        )

    def low_contrast(self) -> tuple[int, list[tuple[str, float]]]:
        count, found = self.run(_LOW_CONTRAST)
        return int(count), [(words, round(ratio, 2)) for words, ratio in found]

    def printed(self) -> bytes:
        import base64

        answer = self.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
        return base64.b64decode(answer["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM or ""
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-extensions",
    ):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to be run by root otherwise
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
