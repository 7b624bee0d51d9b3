"""The report in a real browser: quiet, drawn, hovered, toggled, narrow and wide, dark, printed."""

import base64
import csv
import io
import itertools
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import browser as chromium
from browser import js, scroll_through, until
from mrbench.results.compare import Group, Side, compare_groups
from mrbench.results.report import gather, page
from needs import skip_without
from reported import HOSTILE, hostile, kept
from waiting import wait_for

READ = HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd")  # as a report shows it


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> gather.ReportContent:
    runs = kept(shutil.copytree(trained, tmp_path_factory.mktemp("reported") / "runs"))
    hostile(next((runs / "smoke" / "detectron2").iterdir()), runs / "smoke")
    gathered = gather.gather([], runs)
    assert not gathered.left_out
    return gathered


@pytest.fixture(scope="module")
def file(found: gather.ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page.build(found), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    skip_without("browser")
    with chromium.running(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def driver(started: webdriver.Chrome, file: Path) -> webdriver.Chrome:
    """Return the browser with the report freshly loaded, in a window of 1200 by 900."""
    chromium.prefer(started, "light")
    chromium.resize(started, 1200, 900)
    started.get("about:blank")
    chromium.complaints(started)
    chromium.requests(started)
    started.get(file.as_uri())
    return started


def plots(driver: webdriver.Chrome) -> list[str]:
    names: list[str] = js(
        driver, "return [...document.querySelectorAll('.plot')].map(p => p.dataset.figure)"
    )
    return names


def test_no_request_leaves_the_page_and_the_console_is_silent(
    driver: webdriver.Chrome, file: Path
) -> None:
    scroll_through(driver)
    driver.find_element(By.ID, "theme").click()
    assert chromium.complaints(driver) == []
    allowed = (file.as_uri(), "data:", "blob:")
    assert [url for url in chromium.requests(driver) if not url.startswith(allowed)] == []


def test_every_plot_has_marks(driver: webdriver.Chrome, found: gather.ReportContent) -> None:
    scroll_through(driver)
    counts = js(
        driver,
        "return [...document.querySelectorAll('.plot')].map(p => [p.dataset.figure,"
        " [...p.querySelectorAll('.trace path, .point path')]"
        ".filter(m => m.getAttribute('d') && m.getBBox().width + m.getBBox().height > 0).length])",
    )
    assert {name: count for name, count in counts if not count} == {}
    implementations = {r.plan.implementation for c in found.chapters for r in c.runs}
    assert len([name for name, _ in counts if "-course-" in name]) == len(implementations)
    rows = sum(len(chapter.rows) for chapter in found.chapters)  # all of them have telemetry
    assert len([name for name, _ in counts if "-during-" in name]) == rows
    for part in ("ranking", "split", "scaling", "energy"):
        assert any(f"-{part}-" in name for name, _ in counts), part


def test_the_mouse_shows_values(driver: webdriver.Chrome) -> None:
    scroll_through(driver)
    bar = driver.find_element(By.CSS_SELECTOR, "[data-figure$='ranking-figure'] .point path")
    js(driver, "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", bar)
    ActionChains(driver).move_to_element(bar).perform()
    hover = (By.CSS_SELECTOR, ".hoverlayer .hovertext")
    until(driver, lambda: "img/s" in driver.find_element(*hover).text, "the bar's value")
    line = driver.find_element(By.CSS_SELECTOR, "[data-figure*='course-figure'] .nsewdrag")
    js(driver, "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", line)
    places = itertools.cycle(itertools.product((0.1, 0.3, 0.5, 0.7, 0.9), range(5)))

    def tells() -> bool:
        part, height = next(places)  # some place is near the line
        x, y = line.size["width"] * (part - 0.5), line.size["height"] * (height - 4) / 10
        ActionChains(driver).move_to_element_with_offset(line, int(x), int(y)).perform()
        hovers = driver.find_elements(By.CSS_SELECTOR, "[data-figure*='course-figure'] .hovertext")
        return any("iterations" in hover.text for hover in hovers)

    until(driver, tells, "a point's iterations")


def test_legends_hide_and_show_by_mouse_and_keyboard(driver: webdriver.Chrome) -> None:
    scroll_through(driver)
    figures = driver.find_elements(By.CSS_SELECTOR, "figure[id*='-during-']")
    figure = next(figure for figure in figures if "GPU" in figure.text)
    buttons = figure.find_elements(By.CSS_SELECTOR, ".legend button")
    button = next(button for button in buttons if button.text.startswith("GPU"))
    js(driver, "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)

    def lines() -> int:
        return len(figure.find_elements(By.CSS_SELECTOR, ".scatterlayer .trace"))

    before = lines()
    ActionChains(driver).move_to_element(button).click().perform()
    until(driver, lambda: button.get_attribute("aria-pressed") == "false", "the button's state")
    until(driver, lambda: lines() <= before - 5, "they are hidden in every panel")
    button.send_keys(Keys.SPACE)
    until(driver, lambda: button.get_attribute("aria-pressed") == "true", "the button's state")
    until(driver, lambda: lines() == before, "they are shown again")


def test_a_zoom_outlives_a_legend_click_and_can_be_reset(driver: webdriver.Chrome) -> None:
    scroll_through(driver)
    figure = driver.find_element(By.CSS_SELECTOR, "figure[id*='course-figure']")
    ranges = (
        "const l = arguments[0].querySelector('.plot')._fullLayout;"
        "return [...l.xaxis.range, ...l.yaxis.range].map(v => +v.toFixed(6))"
    )
    whole = js(driver, ranges, figure)
    area = figure.find_element(By.CSS_SELECTOR, ".nsewdrag")
    js(driver, "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", area)
    start = ActionChains(driver).move_to_element_with_offset(area, -80, -40).click_and_hold()
    start.move_by_offset(150, 60).release().perform()
    reset = figure.find_element(By.XPATH, ".//button[text()='Reset zoom']")
    until(driver, reset.is_displayed, "the button to reset it")
    zoomed = js(driver, ranges, figure)
    assert zoomed != whole
    button = figure.find_element(By.CSS_SELECTOR, ".legend button")
    button.click()
    button.click()
    assert js(driver, ranges, figure)[2:] == zoomed[2:]
    reset.click()
    until(driver, lambda: js(driver, ranges, figure) == whole, "the whole is shown")
    until(driver, lambda: not reset.is_displayed(), "the button is gone")


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_no_window_scrolls_sideways(driver: webdriver.Chrome, width: int) -> None:
    chromium.resize(driver, width, 800)
    driver.refresh()
    scroll_through(driver)
    assert js(driver, "return document.documentElement.scrollWidth") <= width
    wide = js(
        driver,
        "return [...document.querySelectorAll('.plot .main-svg')]"
        ".filter(s => s.getBoundingClientRect().right > innerWidth + 1).length",
    )
    assert wide == 0
    cut = js(
        driver,
        "return [...document.querySelectorAll('.plot')]"
        ".flatMap(p => [...p.querySelectorAll('text')]"
        ".filter(t => { const r = t.getBoundingClientRect(), f = p.getBoundingClientRect();"
        " return r.width && (r.left < f.left - 2 || r.right > f.right + 2); })"
        ".map(t => [p.dataset.figure, t.textContent]))",
    )
    assert cut == []
    over = js(
        driver,
        "const meet = (a, b) => a.width && b.width && a.left < b.right && b.left < a.right"
        " && a.top < b.bottom && b.top < a.bottom, box = (e) => e.getBoundingClientRect();"
        "return [...document.querySelectorAll('.plot:has(.barlayer .point)')]"
        ".flatMap(p => [...p.querySelectorAll('.annotation-text')].filter(text =>"
        " [...p.querySelectorAll('.scatterlayer .point, .errorbar path')]"
        ".some(mark => meet(box(text), box(mark)))).map(t => [p.dataset.figure, t.textContent]))",
    )
    assert over == []  # values beside the bars are clear of intervals, runs and published numbers


def test_dark_follows_the_system_and_the_button(driver: webdriver.Chrome) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    stroke = (
        "return getComputedStyle(document.querySelector('[data-figure*=course] .js-line')).stroke"
    )
    scroll_through(driver)
    assert js(driver, ground) == "rgb(255, 255, 255)"
    light = js(driver, stroke)
    chromium.prefer(driver, "dark")
    assert js(driver, ground) == "rgb(20, 23, 28)"
    driver.find_element(By.ID, "theme").click()
    assert js(driver, ground) == "rgb(255, 255, 255)"
    until(driver, lambda: js(driver, stroke) == light, "the lines are drawn light")
    driver.find_element(By.ID, "theme").click()
    assert js(driver, ground) == "rgb(20, 23, 28)"
    until(driver, lambda: js(driver, stroke) != light, "the lines are drawn dark")


def test_print_has_all_plots_without_scrolling(
    driver: webdriver.Chrome, found: gather.ReportContent
) -> None:
    chromium.prefer(driver, "dark")
    pdf = base64.b64decode(driver.print_page())
    pages = [p.extract_text() for p in PdfReader(io.BytesIO(pdf)).pages]
    text = unicodedata.normalize("NFKC", "\n".join(pages))  # fonts join letters
    titles = js(
        driver,
        "return Object.values(mrbench.report.figures).map(f => (f.layout.xaxis.title || {}).text)",
    )
    for title in set(titles):
        # some hold the words in their captions too
        assert text.count(title) >= titles.count(title), title
    for chapter in found.chapters:  # where numbers come from is open on paper
        for run in chapter.runs:
            assert run.plan.source.commit in re.sub(r"\s", "", text)
    ground = js(driver, "return getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(20, 23, 28)"  # as before
    assert js(driver, "return document.querySelectorAll('details[open]').length") == 0


def test_any_two_runs_differ_as_compare_tells_it(
    driver: webdriver.Chrome, found: gather.ReportContent
) -> None:
    for i, chapter in enumerate(found.chapters):
        for a, b in itertools.product(range(len(chapter.runs)), repeat=2):
            shown = js(
                driver,
                "const f = mrbench.report.facts[arguments[0]];"
                "const c = mrbench.compare(f, arguments[1], arguments[2]);"
                "return [c.verdict, c.ratio, c.found.map(d => [d.key, f.kinds[d.kind], d.reason])]",
                f"suite{i}", a, b,
            )  # fmt: skip
            sides = (Side("run", chapter.runs[k].record) for k in (a, b))
            answer = compare_groups(*(Group("run", [side]) for side in sides))
            differences = [[d.key, d.kind, d.reason] for d in answer.differences]
            assert shown[0] == answer.verdict
            assert shown[1] == (answer.ratio_b_to_a and pytest.approx(answer.ratio_b_to_a))
            assert sorted(shown[2]) == sorted(differences)


def test_two_selects_tell_what_differs(driver: webdriver.Chrome) -> None:
    form = driver.find_element(By.CSS_SELECTOR, "form.compare")
    first, second = form.find_elements(By.TAG_NAME, "select")
    second.send_keys(Keys.END)
    answer = form.find_element(By.XPATH, "../div[@class='answer']")
    until(driver, lambda: "compared" in answer.text, "the answer")
    assert first.get_attribute("value") == "0"


def test_hostile_names_stay_text(driver: webdriver.Chrome) -> None:
    scroll_through(driver)
    assert driver.find_elements(By.TAG_NAME, "img") == []
    assert js(driver, "return document.querySelectorAll('main script, main iframe, b').length") == 0
    assert READ in js(driver, "return document.querySelector('main').textContent")
    ticks = js(
        driver, "return [...document.querySelectorAll('.ytick text')].map(t => t.textContent)"
    )
    assert any(tick.startswith("</script><img") for tick in ticks)


def test_without_scripts_the_tables_are_there(driver: webdriver.Chrome) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    driver.refresh()
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "script" not in js(driver, "return document.documentElement.className")
    seen = "return [...document.querySelectorAll(arguments[0])].filter(e => e.offsetHeight).length"
    assert js(driver, seen, ".plot, .script-only, form") == 0
    every = js(driver, "return document.querySelectorAll('figure table').length")
    assert js(driver, seen, "figure table") == every >= len(plots(driver))
    assert "Figures need JavaScript" in driver.find_element(By.TAG_NAME, "header").text


def test_downloads_hold_the_numbers(
    driver: webdriver.Chrome, found: gather.ReportContent, tmp_path: Path
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    for name in page.DOWNLOADS:
        driver.find_element(By.CSS_SELECTOR, f"[data-download='{name}']").click()
    wait_for(
        lambda: {p.name for p in folder.iterdir()} == set(page.DOWNLOADS),
        lambda: list(folder.iterdir()),
    )
    with (folder / "runs.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    runs = [run for chapter in found.chapters for run in chapter.runs]
    assert [float(row["throughput"]) for row in rows] == [run.record.throughput for run in runs]
    assert READ in {row["implementation"] for row in rows}


def test_a_keyboard_reaches_the_content_first(driver: webdriver.Chrome) -> None:
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = driver.switch_to.active_element
    assert focused.text == "Skip to the content"
    assert js(driver, "return getComputedStyle(arguments[0]).outlineStyle", focused) == "solid"


def test_headings_are_in_order_and_all_is_named(driver: webdriver.Chrome) -> None:
    levels = js(
        driver,
        "return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])",
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    unnamed = js(
        driver,
        "return [...document.querySelectorAll('figure, [role=img], [role=region], section, nav')]"
        ".filter(e => !e.getAttribute('aria-label') &&"
        " !document.getElementById(e.getAttribute('aria-labelledby'))).length",
    )
    assert unnamed == 0
    nested = "summary, h1, h2, h3, h4, h5, button, a, label, [role=img]"
    inside = "button, a, input, [tabindex]"
    query = "return document.querySelectorAll(`:is(${arguments[0]}) :is(${arguments[1]})`).length"
    assert js(driver, query, nested, inside) == 0
    assert js(driver, "return document.querySelectorAll('th:not([scope])').length") == 0
    assert (
        js(driver, "return document.querySelectorAll('figure:not(:has(figcaption))').length") == 0
    )
    doubled = js(
        driver,
        "const ids = [...document.querySelectorAll('main [id], main[id]')]"
        ".filter(e => !e.closest('svg')).map(e => e.id);"
        "return ids.filter((id, i) => ids.indexOf(id) !== i)",
    )
    assert doubled == []
