"""The page of a search in a browser, from a disk and without a network: it draws, links and fits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from searches import make_search, make_trial, with_accuracy

from mmied.reports.search_page import search_html

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DRAWN = """() => [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector(".main-svg .trace"))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("labelled", [False, True])
def test_it_draws_without_a_word_of_complaint_and_fits(
    chromium: Any, tmp_path: Path, width: int, scheme: str, labelled: bool
) -> None:
    search = make_search(with_accuracy(make_trial()), make_trial("int8", ratios=())) if labelled else make_search()
    path = tmp_path / "search.html"
    path.write_text(search_html(search), encoding="utf-8")
    context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True, color_scheme=scheme)
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function("window.Plotly", timeout=20_000)
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, timeout=20_000)
    page.click("#verdicts tbody a >> nth=0")

    assert page.locator(".plot").count() == 3
    assert page.evaluate("location.hash") == "#candidate-1"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert heard == []
    context.close()
