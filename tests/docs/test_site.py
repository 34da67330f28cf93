"""The documentation is a site without a broken link, complete, and read without another host."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from doc_pages import DOCS, ROOT, anchors, images, links, pages

ENTRANCES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
ELSEWHERE = ("http:", "https:", "//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_builds_without_a_warning_and_has_every_page(site: Path) -> None:
    expected = {
        page.relative_to(DOCS).with_suffix("").as_posix().removesuffix("index").replace("README", "").rstrip("/")
        for page in pages()
    }
    built = {page.parent.relative_to(site).as_posix().removeprefix(".") for page in site.rglob("index.html")}
    assert built == expected
    assert (site / "search/search_index.json").stat().st_size > 100_000


def test_every_page_has_its_place_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    placed = re.findall(r"(\S+\.md)$", text[text.index("\nnav:") :], re.MULTILINE)
    assert sorted(placed) == sorted(page.relative_to(DOCS).as_posix() for page in pages())


@pytest.mark.parametrize("page", ENTRANCES, ids=lambda page: page.name)
def test_what_the_entrances_link_to_is_there(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_picture_that_is_shown_is_there_and_none_is_left_over() -> None:
    shown = {image for page in (*pages(), *ENTRANCES) for image in images(page)}
    assert shown == set((DOCS / "images").iterdir())


def test_the_site_asks_no_other_host_for_anything(site: Path) -> None:
    class Loads(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            address = given.get(LOADING.get(tag, "")) or ""
            if address.startswith(ELSEWHERE) and given.get("rel") not in ("canonical", "license"):
                found.append(f"{page.relative_to(site)}: {address}")

    found: list[str] = []
    for page in site.rglob("*.html"):
        Loads().feed(page.read_text())
    assert not found
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text()), sheet
