"""Reports in a browser, from a disk and without a network: they draw, sort, search, recolour, print and fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from profile_builders import make_comparison, make_usage, sweep_profile

from mmied.profiles import Profile
from mmied.reports.comparison_page import comparison_html
from mmied.reports.frames import FlameGraph, Stacks
from mmied.reports.profile_page import profile_html

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DRAWN_MILLISECONDS = 20_000
DRAWN = """() => [...document.querySelectorAll(".plot")].filter((plot) => !plot.closest("details:not([open])"))
  .every((plot) => plot.querySelector(".main-svg .trace, .main-svg .heatmaplayer image, .main-svg .barlayer .point"))"""
# The pixel below the last row of the flame graph, of which the page's colour has to be seen.
FLAME_GROUND = """() => { const inner = document.querySelector("iframe.flame").contentDocument;
  const canvas = inner.getElementById("canvas"), pen = canvas.getContext("2d");
  return [...pen.getImageData(canvas.width - 1, 2, 1, 1).data].slice(0, 3); }"""
SHOWN = """(id) => [...document.querySelectorAll(`#${id} tbody tr`)].filter((row) => !row.hidden)
  .map((row) => row.cells[0].dataset.value)"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def profile() -> Profile:
    return sweep_profile(usage=make_usage(samples=30))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, profile: Profile) -> Path:
    stacks = Stacks("classifier")
    stacks.spend(stacks.enter(0, "aten::addmm", "matmul"), 1.0, calls=2)
    flames = FlameGraph(
        model="classifier", profiler="torch", device="cpu", batch_size=8, calls=2, at=1.8e9, frames=stacks.frames()
    )
    path = tmp_path_factory.mktemp("reports") / "profile.html"
    path.write_text(profile_html(profile, flames), encoding="utf-8")
    return path


class Opened:
    """A page from a file in a browser without a network, whose console, errors and requests are written down."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1280, **settings: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **settings)
        self.page = self.context.new_page()
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.heard.append(message.text))
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def draw_all(self) -> None:
        self.page.wait_for_function("window.Plotly", timeout=DRAWN_MILLISECONDS)
        for plot in self.page.locator(".plot:visible").all():
            plot.scroll_into_view_if_needed()
            plot.locator(".main-svg").first.wait_for(timeout=DRAWN_MILLISECONDS)
        self.page.wait_for_function(DRAWN, timeout=DRAWN_MILLISECONDS)

    def shown(self, table: str) -> list[str]:
        return list(self.page.evaluate(SHOWN, table))

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())


@pytest.fixture(scope="module")
def tables_alone(tmp_path_factory: pytest.TempPathFactory, profile: Profile) -> Path:
    path = tmp_path_factory.mktemp("reports") / "tables.html"
    path.write_text(profile_html(profile, graphs=False), encoding="utf-8")
    return path


@pytest.fixture
def tables(chromium: Any, tables_alone: Path) -> Iterator[Opened]:
    page = Opened(chromium, tables_alone)
    yield page
    assert page.heard == []
    page.context.close()


@pytest.fixture
def opened(chromium: Any, report: Path) -> Iterator[Opened]:
    page = Opened(chromium, report)
    yield page
    page.context.close()


def test_all_charts_draw_without_a_network_or_a_complaint(opened: Opened, report: Path) -> None:
    opened.draw_all()

    assert opened.page.locator(".plot:visible .main-svg").count() > 10
    assert opened.heard == []
    assert opened.asked == [report.as_uri()]


def test_a_folded_workload_draws_once_it_is_opened(opened: Opened) -> None:
    folded = opened.page.locator("details:not([open])").first

    folded.locator("summary").click()

    plot = opened.page.locator("details").first.locator(".plot").first
    plot.scroll_into_view_if_needed()
    plot.locator(".main-svg").first.wait_for(timeout=DRAWN_MILLISECONDS)
    assert opened.heard == []


def test_the_sections_can_be_reached_from_the_head(tables: Opened) -> None:
    tables.page.get_by_role("link", name="Operators", exact=True).click()

    assert tables.page.url.endswith("#operators")
    playwright.expect(tables.page.get_by_role("heading", name="Operators", exact=True)).to_be_in_viewport()


def test_layers_are_sorted_within_what_they_are_parts_of(tables: Opened) -> None:
    tables.page.locator("#layer-rows").get_by_role("button", name="Own time").click()

    names = tables.shown("layer-rows")
    assert names[0] == ""
    assert names.index("embedding") < names.index("encoder") < names.index("head")
    inside = [name for name in names if name.startswith("encoder.layers.0.")]
    assert inside[:3] == [f"encoder.layers.0.{part}" for part in ("self_attn", "linear1", "linear2")]
    assert names.index("encoder.layers.0.self_attn") > names.index("encoder.layers.0")
    assert tables.page.locator("#layer-rows th[aria-sort=descending]").inner_text().startswith("Own time")


def test_a_third_click_restores_the_order_of_the_model(tables: Opened) -> None:
    before = tables.shown("layer-rows")
    button = tables.page.locator("#layer-rows").get_by_role("button", name="Layer", exact=True)

    orders = []
    for _ in range(3):
        button.click()
        orders.append(tables.shown("layer-rows"))

    assert orders[0] != orders[1]
    assert orders[2] == before
    assert tables.page.locator("#layer-rows th[aria-sort]").count() == 0


def test_a_layers_parts_fold_and_unfold_with_the_keyboard(tables: Opened) -> None:
    twig = tables.page.get_by_role("button", name="Parts of encoder.layers.0", exact=True)
    twig.focus()

    tables.page.keyboard.press("Enter")
    assert not any(name.startswith("encoder.layers.0.") for name in tables.shown("layer-rows"))
    assert twig.get_attribute("aria-expanded") == "false"

    tables.page.keyboard.press("Enter")
    assert "encoder.layers.0.linear1" in tables.shown("layer-rows")


def test_all_layers_fold_at_once(tables: Opened) -> None:
    tables.page.get_by_role("button", name="Close all").click()
    assert tables.shown("layer-rows") == ["", "embedding", "encoder", "head"]

    tables.page.get_by_role("button", name="Open all").click()
    assert len(tables.shown("layer-rows")) == 28


def test_a_search_shows_what_matches_and_what_it_is_part_of(tables: Opened) -> None:
    field = tables.page.get_by_placeholder("name or class")

    field.fill("layers.2.norm")
    assert tables.shown("layer-rows") == [
        "",
        "encoder",
        "encoder.layers.2",
        "encoder.layers.2.norm1",
        "encoder.layers.2.norm2",
    ]
    assert tables.text("section:has(#layer-rows) .found") == "2 of 28"

    field.fill("")
    assert len(tables.shown("layer-rows")) == 28


def test_operators_are_searched_and_chosen_by_kind(tables: Opened) -> None:
    tables.page.get_by_placeholder("operator, kind or shape").fill("512×256")
    assert tables.shown("operator-rows") == ["aten::addmm"]

    tables.page.get_by_placeholder("operator, kind or shape").fill("")
    tables.page.get_by_role("button", name="elementwise").click()
    assert tables.shown("operator-rows") == ["aten::relu", "aten::add"]
    assert tables.text("section:has(#operator-rows) .found") == "2 of 7"

    tables.page.locator("#operator-rows").get_by_role("button", name="Calls").click()
    assert tables.shown("operator-rows") == ["aten::add", "aten::relu"]


def test_the_scheme_is_the_systems_until_the_reader_chooses(chromium: Any, report: Path) -> None:
    opened = Opened(chromium, report, color_scheme="dark")
    page = opened.page
    ground = "getComputedStyle(document.body).backgroundColor"
    inner = "document.querySelector('iframe').contentDocument"
    page.wait_for_function(f"{inner} && {inner}.getElementById('canvas')")
    line = page.locator(".plot .js-line").first
    line.wait_for(timeout=DRAWN_MILLISECONDS)
    stroke = line.evaluate("line => getComputedStyle(line).stroke")
    assert page.evaluate(ground) == "rgb(15, 19, 24)"

    page.get_by_role("button", name="Light").click()

    assert page.evaluate(ground) == "rgb(246, 247, 249)"
    assert page.evaluate(f"getComputedStyle({inner}.body).backgroundColor") == "rgb(251, 250, 248)"
    page.wait_for_function(
        "was => getComputedStyle(document.querySelector('.plot .js-line')).stroke !== was", arg=stroke
    )
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == "rgb(15, 19, 24)"
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate(ground) == "rgb(246, 247, 249)"
    assert opened.heard == []
    opened.context.close()


def test_paper_is_light_and_has_the_charts(chromium: Any, report: Path, tmp_path: Path) -> None:
    opened = Opened(chromium, report, color_scheme="dark")
    page = opened.page
    page.wait_for_function("window.Plotly")

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")

    assert page.evaluate(DRAWN)  # at once: the browser does not wait
    assert page.evaluate(FLAME_GROUND) == [251, 250, 248]
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 33, 41)"
    assert page.evaluate("getComputedStyle(document.querySelector('.plot .js-line')).stroke") == "rgb(31, 102, 193)"
    assert page.evaluate("Math.max(...[...document.querySelectorAll('.plot')].map((plot) => plot.offsetWidth)) <= 700")

    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(227, 232, 238)"
    assert len(page.pdf()) > 50_000
    assert opened.heard == []
    opened.context.close()


def test_the_flame_graph_is_whole_and_searches(opened: Opened) -> None:
    frame = opened.page.frame_locator("iframe.flame")
    frame.locator("#search").fill("addmm")

    assert frame.locator("#matches").inner_text() == "1 of 2 frames, 100.0 % of the time"
    opened.page.wait_for_function(
        "() => { const frame = document.querySelector('iframe.flame');"
        " return frame.clientHeight >= frame.contentDocument.body.scrollHeight; }"
    )
    assert opened.heard == []


def test_a_browser_that_cannot_unpack_says_so(chromium: Any, report: Path) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(report.as_uri())

    playwright.expect(page.locator(".plot").first).to_contain_text("Charts need a browser of 2023 or later")
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_comparison_draws_fits_and_can_be_read(chromium: Any, tmp_path: Path, width: int) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(comparison_html(make_comparison()), encoding="utf-8")

    opened = Opened(chromium, path, width=width)
    opened.draw_all()

    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (opened.heard, opened.asked) == ([], [path.as_uri()])
    opened.context.close()


def test_a_profile_fits_a_phone(chromium: Any, report: Path) -> None:
    opened = Opened(chromium, report, width=390)
    opened.draw_all()

    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.heard == []
    opened.context.close()
