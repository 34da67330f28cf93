"""The pages in a browser: they draw, fit, follow the scheme, stay up to date, and stay at home."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from mmied.records import Run

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTED_SECONDS = 10
DRAWN_SECONDS = 20
ALL_DRAWN = """[...document.querySelectorAll(".plot")].every(
  (plot) => plot.querySelector(".main-svg .scatterlayer .trace, .main-svg .barlayer .trace"))"""

# The contrast of every text with the background behind it, by WCAG 2's formula; texts below 4.5 come back.
FAINT_TEXTS = """() => {
  const channels = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = channels(getComputedStyle(node).backgroundColor);
      if (color.length && color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!text || node.closest("script, svg, [hidden]") || !node.offsetParent) continue;
    const [a, b] = [light(channels(getComputedStyle(node).color)), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return faint;
}"""


@pytest.fixture
def address(app: Any) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + STARTED_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    server.force_exit = True
    thread.join(STARTED_SECONDS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page whose console and requests are written down."""

    def __init__(self, context: Any) -> None:
        self.page = context.new_page()
        self.troubles: list[str] = []
        self.hosts: set[str | None] = set()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def check(self) -> None:
        """Scroll through the page, so that its charts are drawn, and assert that it fits and can be read.

        In one visit by day and by night: drawing is what takes time.
        """
        plots = self.page.locator(".plot")
        for index in range(plots.count()):
            plots.nth(index).scroll_into_view_if_needed()
        # Not wait_for_function: it evaluates a string in the page, which our policy does not let it.
        deadline = time.monotonic() + DRAWN_SECONDS
        while not self.page.evaluate(ALL_DRAWN):
            assert time.monotonic() < deadline, f"a chart is not drawn on {self.page.url}"
            self.page.wait_for_timeout(50)
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), self.page.url
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            assert self.page.evaluate(FAINT_TEXTS) == [], (scheme, self.page.url)


@pytest.mark.parametrize("width", [1280, 390])
def test_one_can_walk_through_all_pages(chromium: Any, address: str, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context)
    page = watched.page

    page.goto(address)
    watched.check()
    page.get_by_role("link", name="ranker", exact=True).first.click()
    page.wait_for_url("**/models/ranker")
    watched.check()
    assert page.locator(".plot").count() == 12
    page.get_by_role("link", name="ranker-0335").click()
    page.wait_for_url("**/runs/ranker-0335")
    watched.check()
    page.get_by_role("link", name="Hardware").click()
    watched.check()
    page.get_by_role("link", name="Daemon").click()
    watched.check()
    page.get_by_role("link", name="Models", exact=True).click()
    playwright.expect(page.get_by_role("heading", level=1)).to_have_text("Models")

    assert watched.troubles == []
    assert watched.hosts == {"127.0.0.1"}
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_one_can_walk_through_inspections_to_their_difference(
    chromium: Any, address: str, looks: list[Run], width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context)
    page = watched.page

    page.goto(f"{address}/models/ranker")
    page.get_by_role("link", name="look-3").click()
    page.wait_for_url("**/inspections/look-3")
    watched.check()
    flame = page.frame_locator("iframe.flame")
    playwright.expect(flame.locator("#detail")).to_contain_text("ranker")
    assert page.locator("iframe.flame").bounding_box()["height"] > 300
    page.get_by_label("Parts of blocks.1").click()
    playwright.expect(page.locator('#layer-rows th[data-value="blocks.1.linear"]')).to_be_hidden()
    page.get_by_role("button", name="elementwise").click()
    playwright.expect(page.locator("#operator-rows tbody tr:visible")).to_have_count(1)
    page.get_by_role("link", name=re.compile("the one of")).click()
    page.wait_for_url("**/inspections/look-3/against/look-2")
    watched.check()
    playwright.expect(page.frame_locator("iframe.flame").locator("#legend")).to_contain_text("slower")
    page.get_by_role("link", name="On a page of its own").click()
    playwright.expect(page.locator("#rows-title")).to_contain_text("changes")

    assert watched.troubles == []
    assert watched.hosts == {"127.0.0.1"}
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_one_can_walk_from_the_overview_to_what_helps_and_its_recipe(
    chromium: Any, address: str, candidates: object, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context)
    page = watched.page

    page.goto(address)
    page.get_by_role("link", name="2.34× with bfloat16").click()
    page.wait_for_url("**/optimizations/ranker")
    watched.check()
    assert page.locator(".plot").count() == 3
    page.get_by_role("link", name="int8").click()
    page.locator("#candidate-5 summary").click()
    playwright.expect(page.locator("#candidate-5")).to_contain_text("died of SIGSEGV")
    playwright.expect(page.locator("#candidate-1 pre")).to_contain_text("--apply bfloat16")
    page.get_by_text("candidates, and why").click()
    playwright.expect(page.get_by_text("needs the package openvino")).to_be_visible()

    assert watched.troubles == []
    assert watched.hosts == {"127.0.0.1"}
    context.close()


@pytest.mark.parametrize("width", [1280, 760, 390])
def test_one_can_walk_from_all_regressions_to_the_evidence_of_one(chromium: Any, address: str, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context)
    page = watched.page

    page.goto(f"{address}/regressions")
    watched.check()
    menu = page.get_by_label("Pages").get_by_role("link")
    assert len({box["y"] for box in (link.bounding_box() for link in menu.all())}) == 1, "one line"
    assert all(link.evaluate("node => node.scrollWidth <= node.clientWidth") for link in menu.all())
    page.get_by_role("link", name="show").first.click()
    page.wait_for_url("**/regressions/*")
    watched.check()
    playwright.expect(page.get_by_role("heading", name="Before and after")).to_be_visible()

    assert watched.troubles == []
    assert watched.hosts == {"127.0.0.1"}
    context.close()


def test_an_inspection_is_sorted_searched_and_printed(chromium: Any, address: str, looks: list[Run]) -> None:
    context = chromium.new_context(color_scheme="dark")
    watched = Watched(context)
    page = watched.page
    page.goto(f"{address}/inspections/look-3")
    page.locator("#memory .plot").scroll_into_view_if_needed()  # and is drawn
    page.locator("#memory .js-line").first.wait_for()
    operators = page.locator("#operator-rows tbody tr:visible th")

    page.locator("#operator-rows").get_by_role("button", name="Own time").click()
    page.locator("#operator-rows").get_by_role("button", name="Own time").click()
    playwright.expect(operators).to_have_text(["aten::relu", "aten::addmm"])
    page.get_by_placeholder("operator, kind or shape").fill("512×512")
    playwright.expect(operators).to_have_text(["aten::addmm"])
    page.get_by_placeholder("name or class").fill("blocks.0.linear")
    playwright.expect(page.locator("#layer-rows tbody tr:visible")).to_have_count(3)

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    stroke = "getComputedStyle(document.querySelector('#memory .js-line')).stroke"
    assert page.evaluate(stroke) == "rgb(109, 79, 194)"  # at once: the browser does not wait
    playwright.expect(page.locator("header.top")).to_be_hidden()

    assert watched.troubles == []
    context.close()


def test_charts_follow_the_scheme(chromium: Any, address: str) -> None:
    context = chromium.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(f"{address}/models/ranker")
    line = page.locator(".plot .js-line").first
    line.wait_for()
    light = line.evaluate("line => getComputedStyle(line).stroke")

    page.emulate_media(color_scheme="dark")

    page.wait_for_function(
        "light => getComputedStyle(document.querySelector('.plot .js-line')).stroke !== light", arg=light, timeout=5000
    )
    context.close()


def test_a_click_on_a_chart_opens_the_run(chromium: Any, address: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{address}/models/ranker")
    page.locator(".plot .js-line").first.wait_for()
    page.locator(".plot .nsewdrag").first.scroll_into_view_if_needed()
    box = page.locator(".plot .nsewdrag").first.bounding_box()

    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 40)
    page.mouse.move(box["x"] + 0.81 * box["width"], box["y"] + 41)
    page.wait_for_timeout(200)
    page.mouse.down()
    page.mouse.up()

    page.wait_for_url(re.compile(r"/runs/ranker-\d{4}$"), timeout=5000)
    context.close()


@pytest.fixture
def overview(chromium: Any, address: str) -> Iterator[Any]:
    """The overview with a clock that the test turns."""
    context = chromium.new_context(viewport={"width": 1000, "height": 300})
    page = context.new_page()
    page.clock.install()
    page.goto(address)
    yield page
    context.close()


def test_the_overview_keeps_itself_up_to_date_and_leaves_the_reader_in_place(
    overview: Any, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    link = overview.get_by_role("link", name="embedder", exact=True)
    link.focus()
    overview.evaluate("scrollTo(0, 200)")
    link.evaluate("link => { link.dataset.witness = 'same node' ; window.link = link; }")
    running = make.model("ranker", state="running", phase="measure b8")
    daemon.status = replace(daemon.status, models=(running, *daemon.status.models[1:]))

    overview.clock.run_for(6000)

    playwright.expect(overview.locator("#model-ranker")).to_contain_text("measuring b8…")
    assert overview.evaluate("document.activeElement === window.link && window.link.isConnected")
    assert overview.evaluate("scrollY") == 200


def test_a_hidden_page_asks_for_nothing(overview: Any) -> None:
    overview.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })")
    overview.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    playwright.expect(overview.locator("#live")).to_have_text("paused")
    asked: list[str] = []
    overview.on("request", lambda request: asked.append(request.url))

    overview.clock.run_for(60_000)
    assert asked == []

    with overview.expect_request("**/"):
        overview.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => false })")
        overview.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    playwright.expect(overview.locator("#live")).to_have_text("live")


def test_a_daemon_that_does_not_answer_is_said_so(overview: Any) -> None:
    overview.route("**/*", lambda route: route.abort())

    overview.clock.run_for(11_000)

    playwright.expect(overview.locator("#live")).to_contain_text("no answer for")
    playwright.expect(overview.locator("#model-ranker")).to_contain_text("4.71 ms")


def test_charts_are_redrawn_when_the_hardware_page_has_new_samples(
    chromium: Any, address: str, daemon: SimpleNamespace, make: SimpleNamespace
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.clock.install()
    page.goto(f"{address}/hardware")
    page.locator(".plot .js-line").first.wait_for()
    before = page.evaluate("document.querySelector('.plot').data[0].x.length")
    daemon.store.samples += (make.hardware(make.now),)

    page.clock.run_for(16_000)

    page.wait_for_function("n => document.querySelector('.plot').data[0].x.length > n", arg=before, timeout=5000)
    context.close()


def test_the_keyboard_reaches_the_content_first(overview: Any) -> None:
    overview.keyboard.press("Tab")
    assert overview.evaluate("document.activeElement.textContent") == "Skip to content"

    overview.keyboard.press("Enter")

    assert overview.evaluate("document.activeElement.id") == "main"
