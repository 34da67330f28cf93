"""The flame graph's page works from a disk in a browser: it draws, searches, zooms, and asks nobody for anything."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmied.reports.flame_difference import differ
from mmied.reports.flame_page import to_html
from mmied.reports.frames import FlameGraph, Stacks

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ROW_PIXELS = 20  # of the page
FLUID_MILLISECONDS = 50  # for a whole redraw, on a slow machine without a GPU; people feel 100


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Opened:
    """A page from a file, whose console, errors and requests are written down."""

    def __init__(self, browser: Any, path: Path) -> None:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page = context.new_page()
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.heard.append(message.text))
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())

    def click(self, *, row: int, x_ratio: float) -> None:
        box = self.page.locator("#canvas").bounding_box()
        self.page.mouse.click(box["x"] + box["width"] * x_ratio, box["y"] + (row + 0.5) * ROW_PIXELS)

    def colour(self, *, row: int, x_ratio: float) -> list[int]:
        script = """([row, x]) => new Promise((told) => requestAnimationFrame(() => {
          const canvas = document.getElementById("canvas"), pixel = document.createElement("canvas");
          const pen = pixel.getContext("2d", { willReadFrequently: true });
          pen.drawImage(canvas, canvas.width * x, (row * 20 + 3) * devicePixelRatio, 1, 1, 0, 0, 1, 1);
          told([...pen.getImageData(0, 0, 1, 1).data]);
        }))"""
        return list(self.page.evaluate(script, [row, x_ratio]))[:3]


def graph(linear_seconds: float = 0.6) -> FlameGraph:
    """Two layers: one of a product, one of a copy and a norm."""
    stacks = Stacks("ranker")
    first, second = (stacks.enter(0, f"layers.{index} (Layer)", "module") for index in range(2))
    stacks.spend(stacks.enter(first, "aten::linear", "matmul"), linear_seconds, calls=4)
    stacks.spend(stacks.enter(second, "aten::copy_", "memory"), 0.3)
    stacks.spend(stacks.enter(second, "aten::layer_norm", "normalisation"), 0.1)
    return graph_of(stacks)


def graph_of(stacks: Stacks) -> FlameGraph:
    return FlameGraph(
        model="ranker", profiler="torch", device="cpu", batch_size=1, calls=2, at=1.8e9, frames=stacks.frames()
    )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "flames.html"
    path.write_text(to_html(graph()), encoding="utf-8")
    return path


def test_a_search_tells_the_share_of_what_matches(chromium: Any, page: Path) -> None:
    opened = Opened(chromium, page)

    opened.page.keyboard.press("/")
    opened.page.keyboard.type("linear|norm")
    assert opened.text("#matches") == "2 of 6 frames, 70.0 % of the time"

    opened.page.fill("#search", "layers|linear")  # what lies below a match is not counted again
    assert opened.text("#matches") == "3 of 6 frames, 100.0 % of the time"

    opened.page.fill("#search", "(")
    assert opened.text("#matches") == "not a regular expression"

    opened.page.click("#reset")
    assert opened.text("#matches") == ""
    assert (opened.heard, opened.asked) == ([], [page.as_uri()])


def test_a_click_zooms_and_escape_goes_back(chromium: Any, page: Path) -> None:
    opened = Opened(chromium, page)
    whole = opened.colour(row=2, x_ratio=0.1)

    opened.click(row=1, x_ratio=0.8)

    assert opened.text("#detail").splitlines()[:2] == [
        "layers.1 (Layer)",
        "total 200 ms a call, 40.0 %",
    ]
    zoomed = opened.colour(row=2, x_ratio=0.1)
    assert zoomed != whole
    opened.click(row=2, x_ratio=0.9)
    assert "aten::layer_norm" in opened.text("#detail")
    opened.page.keyboard.press("Escape")
    assert opened.colour(row=2, x_ratio=0.1) == whole
    assert opened.text("#detail").startswith("ranker")
    assert opened.heard == []


def test_the_keyboard_walks_the_frames(chromium: Any, page: Path) -> None:
    opened = Opened(chromium, page)
    opened.page.focus("#canvas")
    walked = []

    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowRight", "Enter", "ArrowUp"):
        opened.page.keyboard.press(key)
        walked.append(opened.text("#detail").splitlines()[0])

    assert walked == [
        "layers.0 (Layer)",
        "layers.1 (Layer)",
        "aten::copy_",
        "aten::layer_norm",
        "aten::layer_norm",
        "layers.1 (Layer)",
    ]
    assert opened.heard == []


def test_hovering_tells_self_and_total(chromium: Any, page: Path) -> None:
    opened = Opened(chromium, page)
    box = opened.page.locator("#canvas").bounding_box()

    opened.page.mouse.move(box["x"] + 50, box["y"] + 2.5 * ROW_PIXELS)

    told = opened.text("#tip").splitlines()
    assert told == [
        "aten::linear",
        "total 300 ms a call, 60.0 %",
        "self 300 ms a call, 60.0 %",
        "matmul · called 2 × a call",
    ]


def test_the_page_fits_and_colours_tell_the_kind_by_day_and_by_night(chromium: Any, page: Path) -> None:
    opened = Opened(chromium, page)
    for width in (1280, 390):
        opened.page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("dark", "light"):
            opened.page.emulate_media(color_scheme=scheme)

            assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert opened.colour(row=2, x_ratio=0.55) == [0xEF, 0x83, 0x54]
    assert "matmul 60.0 %" in opened.text("#legend")
    assert opened.text("#rows").splitlines()[1].startswith("aten::linear")
    assert opened.heard == []


def test_a_difference_is_red_where_it_grew(chromium: Any, tmp_path: Path) -> None:
    before, after = graph(), graph(linear_seconds=1.6)
    path = tmp_path / "difference.html"
    path.write_text(to_html(after, differ(before, after)), encoding="utf-8")

    opened = Opened(chromium, path)

    assert opened.colour(row=2, x_ratio=0.4) == [239, 106, 88]
    assert opened.colour(row=2, x_ratio=0.9) == [222, 222, 222]
    assert "+500 ms" in opened.text("#rows")
    assert "slower or new" in opened.text("#legend")
    opened.click(row=2, x_ratio=0.4)
    assert "against before: +500 ms (+166.7 %)" in opened.text("#detail")
    assert (opened.heard, opened.asked) == ([], [path.as_uri()])


def test_ten_thousand_frames_and_deep_recursion_stay_fluid(chromium: Any, tmp_path: Path) -> None:
    stacks, at = Stacks("ranker"), 0
    for index in range(9_000):
        layer = stacks.enter(0, f"layers.{index // 3}", "module")
        stacks.spend(stacks.enter(layer, f"aten::op{index}", "matmul"), 0.001)
    for _ in range(1_000):
        at = stacks.enter(at, "recurse", "python")
        stacks.spend(at, 0.01)
    path = tmp_path / "large.html"
    path.write_text(to_html(graph_of(stacks)), encoding="utf-8")

    opened = Opened(chromium, path)

    milliseconds = opened.page.evaluate(
        "() => { const times = []; for (let k = 0; k < 9; k++) { const began = performance.now(); draw();"
        " times.push(performance.now() - began); } return times.sort((a, b) => a - b)[4]; }"
    )
    assert milliseconds < FLUID_MILLISECONDS
    opened.page.evaluate("document.getElementById('frames').scrollTop = 15000")
    opened.click(row=5, x_ratio=0.5)
    assert opened.text("#detail").startswith("recurse")
    opened.page.keyboard.press("Escape")
    opened.page.fill("#search", "recurse")
    assert opened.text("#matches") == "1000 of 13001 frames, 52.6 % of the time"
    assert opened.heard == []
