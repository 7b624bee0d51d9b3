"""A headless Chromium for tests: Debian's chromium and chromium-driver, driven by selenium."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common import exceptions
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from waiting import SAFETY_S

SWITCHES = (
    "--headless",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser that keeps its files in `folder`; what it loads and says is logged."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*SWITCHES, f"--user-data-dir={folder / 'chromium'}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(
        SAFETY_S
    )  # a safety net: the default of 30 s runs out on a busy machine
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver: webdriver.Chrome, width: int, height: int) -> None:
    """Make the window's inside so many CSS pixels; windows themselves have a least width."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def prefer(driver: webdriver.Chrome, scheme: str) -> None:
    """Let the system prefer light or dark."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _log(driver: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]  # theirs
    return entries


def complaints(driver: webdriver.Chrome) -> list[str]:
    """Return what the console has said since the last time."""
    return [entry["message"] for entry in _log(driver, "browser")]


def requests(driver: webdriver.Chrome) -> list[str]:
    """Return the addresses that were asked for since the last time."""
    events = [json.loads(entry["message"])["message"] for entry in _log(driver, "performance")]
    return [
        str(event["params"]["request"]["url"])
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def scroll_through(driver: webdriver.Chrome) -> None:
    """Bring every figure into view once, as a reader does, and wait until it is drawn."""
    driver.execute_async_script(
        """
        document.querySelectorAll("details.more").forEach(d => { d.open = true; });
        const done = arguments[0], plots = [...document.querySelectorAll(".plot")];
        const next = () => {
          const node = plots.shift();
          if (!node) { window.scrollTo(0, 0); return done(); }
          node.scrollIntoView({ block: "center", behavior: "instant" });
          const wait = () => (node.querySelector(".main-svg") ? next() : setTimeout(wait, 10));
          wait();
        };
        next();
        """
    )


def until(driver: webdriver.Chrome, condition: Callable[[], object], what: str) -> None:
    """Wait until the page is so: what follows a click or the mouse is drawn when there is time."""
    ignored = [exceptions.NoSuchElementException, exceptions.StaleElementReferenceException]
    patient = WebDriverWait(driver, SAFETY_S, ignored_exceptions=ignored)
    patient.until(lambda _: condition(), what)


def js(driver: webdriver.Chrome, script: str, *words: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a script returns."""
    return driver.execute_script(script, *words)
