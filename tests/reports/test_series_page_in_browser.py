"""The page of a series in a browser, from a disk and without a network: it draws, and fits a narrow screen."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmied.reports.series_page import series_html
from mmied.reports.series_rows import FoundChange, JudgedSeries

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DRAWN_MILLISECONDS = 20_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    values = (*(10.0, 10.2, 9.9, math.nan) * 10, *(12.0, 12.1, 11.9, 12.2) * 10)
    change = FoundChange(index=40, at=None, before=10, after=12, ratio=0.2, lower=0.19, upper=0.21, worse=True, t=40.0)
    times = tuple(1.76e9 + 3600 * index for index in range(len(values)))
    series = [
        JudgedSeries(name="by index", values=values, times=None, changes=(change,)),
        JudgedSeries(name="by time", values=values, times=times, changes=(change,)),
    ]
    path = tmp_path / "series.html"
    path.write_text(series_html(series, source="runs.csv", how="judged as a whole"), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_draws_each_series_with_its_levels_and_marks(chromium: Any, page_file: Path, width: int) -> None:
    page = chromium.new_context(viewport={"width": width, "height": 900}, offline=True).new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(page_file.as_uri())
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
        plot.locator(".main-svg .trace").nth(2).wait_for(timeout=DRAWN_MILLISECONDS)

    assert heard == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".plot").first.locator(".legendtext").all_text_contents() == [
        "values",
        "levels",
        "became worse",
    ]
