"""Reports opened in a browser: all charts there, controls work, nothing is fetched."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.browser import opened
from benchmarks.made_run import Made, make_run
from fednids.report.writing import write_page

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="there is no chromium with its chromedriver",
    ),
]

WIDTHS = (420, 1280)
EVIL = "</script><script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    attacked = {"strategy.name": "krum", "attack.kind": "label-flip"}
    made = {
        "one": Made(8, 12, world=True, attacked=True, failures={2: EVIL}, settings=attacked),
        "large": Made(150, 120),
        "stopped": Made(finished=False, rounds=3),
        "centralised": Made(kind="centralised", gateways=1),
        "local": Made(kind="local"),
    }
    runs = {name: make_run(folder / name, each) for name, each in made.items()}
    found = {name: folder / f"{name}.html" for name in runs}
    for name, run in runs.items():
        write_page([run], found[name])
    found["many"] = folder / "many.html"
    write_page(list(runs.values()), found["many"])
    return found


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened(tmp_path_factory.mktemp("profile")) as found:
        yield found


def wait(driver: Any, script: str) -> None:
    """Wait until a script returns true."""
    until = time.monotonic() + 20
    while not driver.execute_script(f"return Boolean({script})"):
        assert time.monotonic() < until, script
        time.sleep(0.05)


def show(driver: Any, page: Path, width: int = 1280) -> None:
    driver.get_log("browser"), driver.get_log("performance")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.as_uri())
    wait(driver, "document.documentElement.dataset.ready")


def marks(driver: Any, key: str, kind: str = "path") -> int:
    """Count what is drawn in a chart."""
    inside = f"#{key} .plot svg .mark-group {kind}, #{key} .plot svg [class*=mark-] {kind}"
    return int(driver.execute_script(f"return document.querySelectorAll({inside!r}).length"))


def requests(driver: Any) -> list[str]:
    """List what was requested, other than the page itself and what stands in it."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith("data:")]


def field(driver: Any, name: str) -> Any:
    return driver.find_element(By.CSS_SELECTOR, f'[data-heat="{name}"]')


def status(driver: Any) -> str:
    return str(field(driver, "status").text)


def fill(driver: Any, name: str, text: str) -> None:
    place = field(driver, name)
    place.send_keys(Keys.CONTROL, "a")
    place.send_keys(text or Keys.DELETE)


def first_rows(driver: Any) -> list[str]:
    script = """return [...document.querySelectorAll('.gateway-table tbody tr')]
        .filter((row) => !row.hidden).map((row) => row.cells[0].textContent.trim())"""
    return list(driver.execute_script(script))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["one", "large", "stopped", "centralised", "local", "many"])
def test_each_chart_is_drawn_quietly_and_fits(
    name: str, width: int, driver: Any, pages: dict[str, Path], tmp_path: Path
) -> None:
    show(driver, pages[name], width)
    if name == "many":
        for place in driver.find_elements(By.CSS_SELECTOR, "details.run > summary"):
            place.click()
        wait(driver, "document.querySelectorAll('details.run[data-drawn]').length == 5")
    empty = driver.execute_script(
        """return [...document.querySelectorAll('figure.chart')].filter((figure) =>
        figure.querySelectorAll('.plot svg path, .plot svg text').length < 8).map((f) => f.id)"""
    )
    assert empty == []
    assert driver.get_log("browser") == []
    assert requests(driver) == [pages[name].as_uri()]
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert driver.execute_script("return window.harmed === undefined")
    picture = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
    )
    (tmp_path / f"{name}-{width}.png").write_bytes(base64.b64decode(picture["data"]))
    assert (tmp_path / f"{name}-{width}.png").stat().st_size > 20_000


def test_gateways_are_sorted_and_filtered(driver: Any, pages: dict[str, Path]) -> None:
    show(driver, pages["one"])
    assert first_rows(driver) == [str(k) for k in range(8)]
    assert marks(driver, "run1-heatmap") >= 8 * 12
    Select(field(driver, "order")).select_by_value("low")
    labels = driver.execute_script(
        """return [...document.querySelectorAll('.gateway-table tbody tr')]
        .map((row) => Number(row.cells[2].textContent))"""
    )
    assert labels == sorted(labels)
    fill(driver, "ids", "1, 5-6")
    assert sorted(first_rows(driver)) == ["1", "5", "6"]
    assert status(driver) == "3 of 8 gateways."
    fill(driver, "ids", "1, x")
    assert status(driver).startswith("Not read")
    assert field(driver, "ids").get_attribute("aria-invalid") == "true"
    fill(driver, "ids", "99")
    assert first_rows(driver) == []
    fill(driver, "ids", "")
    fill(driver, "flows", "1000000")
    assert status(driver) == "0 of 8 gateways."
    fill(driver, "flows", "0")
    Select(field(driver, "measure")).select_by_value("loss")
    assert "test loss: 0" in field(driver, "ramp").text
    assert driver.get_log("browser") == []


def test_large_fleets_are_shown_in_bands_and_said_to_be(
    driver: Any, pages: dict[str, Path]
) -> None:
    show(driver, pages["large"])
    said = "150 of 150 gateways in 60 bands, named by rank; a cell is the mean of its gateways; "
    assert status(driver) == said + "120 rounds in 100 columns."
    fill(driver, "ids", "3")
    assert status(driver) == "1 of 150 gateways; 120 rounds in 100 columns."


def test_lines_are_toggled_by_keyboard_and_gateways_by_tick(
    driver: Any, pages: dict[str, Path]
) -> None:
    show(driver, pages["one"])
    lines = "#run1-rates .mark-line path"
    count = f"[...document.querySelectorAll('{lines}')].filter((p) => p.getAttribute('d')).length"
    wait(driver, f"{count} == 3")
    box = driver.find_element(By.CSS_SELECTOR, "#run1-rates input[value='majority class']")
    box.send_keys(Keys.SPACE)
    wait(driver, f"{count} == 2")
    before = driver.find_element(By.CSS_SELECTOR, lines).get_attribute("d")
    rate = driver.find_element(By.CSS_SELECTOR, "#run1-rates input[value='macro_f1']")
    rate.send_keys(Keys.ARROW_RIGHT)
    wait(driver, f"document.querySelector('{lines}').getAttribute('d') != {before!r}")
    driver.find_element(By.XPATH, "//summary[text()='Table of gateways']").click()
    ticks = driver.find_elements(By.CSS_SELECTOR, ".gateway-table input")
    shown = "document.querySelectorAll('#run1-lines .mark-line path').length"
    wait(driver, f"{shown} == 3")
    for tick in ticks:
        if not tick.is_selected():
            tick.click()
    wait(driver, f"{shown} == 6")
    assert sum(tick.is_selected() for tick in ticks) == 6
    assert driver.get_log("browser") == []


def test_tables_are_sorted_settings_filtered_and_themes_changed(
    driver: Any, pages: dict[str, Path]
) -> None:
    show(driver, pages["one"])
    head = driver.find_element(
        By.XPATH, "//caption[text()='Each class']/../thead//button[.='recall']"
    )
    cells = """return [...document.querySelectorAll('caption')].find((c) =>
        c.textContent == 'Each class').parentElement.tBodies[0].querySelectorAll('tr')"""
    for direction, reverse in (("ascending", False), ("descending", True)):
        head.send_keys(Keys.ENTER)
        shares = [float(row.text.split()[2]) for row in driver.execute_script(cells)]
        assert shares == sorted(shares, reverse=reverse)
        assert head.find_element(By.XPATH, "..").get_attribute("aria-sort") == direction
    settings = "//caption[text()='Settings']/../tbody/tr"
    rows = driver.find_elements(By.XPATH, settings)
    shown = [row for row in rows if row.is_displayed()]
    assert 0 < len(shown) < len(rows)
    assert all("changed" in row.text for row in shown)
    driver.find_element(By.CSS_SELECTOR, "input.only-changed").click()
    assert all(row.is_displayed() for row in rows)
    paper = "getComputedStyle(document.body).backgroundColor"
    button = driver.find_element(By.ID, "theme")
    colours = []
    for _ in range(2):
        button.click()
        colours.append(driver.execute_script(f"return {paper}"))
    assert colours[0] != colours[1]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert driver.execute_script(f"return {paper}") == colours[0]
    assert not button.is_displayed()
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_numbers_appear_where_the_pointer_is(driver: Any, pages: dict[str, Path]) -> None:
    show(driver, pages["one"])
    hover: Callable[..., Any] = webdriver.ActionChains(driver).move_to_element
    cell = driver.find_element(By.CSS_SELECTOR, "#run1-confusion .mark-rect path")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
    hover(cell).perform()
    wait(driver, "document.querySelector('#vg-tooltip-element.visible')")
    text = driver.find_element(By.ID, "vg-tooltip-element").text
    assert "true class" in text
    assert "flows" in text
