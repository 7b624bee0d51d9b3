"""Photograph a report in a browser: `python tests/pictures.py` makes the README's picture.

With a report and a folder, `python tests/pictures.py REPORT.html FOLDER`, all of it at three
widths, light and dark, and as it is printed: to look at after a change of the page.
"""

import base64
import sys
import tempfile
from pathlib import Path

from selenium import webdriver

import browser
from mrbench.results.report import gather, page

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / ".github" / "images" / "report.png"
KEPT = ROOT / "tests" / "kept"
WIDTHS_PX = (1400, 800, 360)
WIDTH_PX, HEIGHT_PX = 1200, 1630  # of the README's picture
SLICE_PX = 2400  # of a page in one picture


def main() -> None:
    """Make the pictures that the command line asks for."""
    with tempfile.TemporaryDirectory() as name, browser.running(Path(name)) as driver:
        if sys.argv[1:]:
            report, folder = map(Path, sys.argv[1:])
            all_of(driver, report.resolve(), folder)
        else:
            report = Path(name) / "report.html"
            report.write_text(page.build(gather.gather(["smoke"], KEPT)), encoding="utf-8")
            _open(driver, report, WIDTH_PX, "light")
            PICTURE.write_bytes(_shot(driver, 0, WIDTH_PX, HEIGHT_PX))


def all_of(driver: webdriver.Chrome, report: Path, folder: Path) -> None:
    """Write PNGs named after width, colours and place, and a PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    for width_px in WIDTHS_PX:
        for scheme in ("light", "dark"):
            _open(driver, report, width_px, scheme)
            height_px = browser.js(driver, "return document.documentElement.scrollHeight")
            for i, top_px in enumerate(range(0, height_px, SLICE_PX)):
                rest_px = min(SLICE_PX, height_px - top_px)
                shot = _shot(driver, top_px, width_px, rest_px)
                (folder / f"{width_px}-{scheme}-{i}.png").write_bytes(shot)
    (folder / "print.pdf").write_bytes(base64.b64decode(driver.print_page()))


def _open(driver: webdriver.Chrome, report: Path, width_px: int, scheme: str) -> None:
    browser.prefer(driver, scheme)
    browser.resize(driver, width_px, 900)
    driver.get(report.as_uri())
    browser.scroll_through(driver)


def _shot(driver: webdriver.Chrome, top_px: int, width_px: int, height_px: int) -> bytes:
    clip = {"x": 0, "y": top_px, "width": width_px, "height": height_px, "scale": 1}
    words = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", words)
    return base64.b64decode(shot["data"])


if __name__ == "__main__":
    main()
