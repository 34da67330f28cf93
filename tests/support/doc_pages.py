"""The Markdown pages of the repository: their blocks, links and anchors."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Return every page of docs/."""
    return sorted(DOCS.rglob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, from top to bottom."""
    return [text for _, name, text in FENCE.findall(page.read_text()) if name == language]


def links(page: Path) -> Iterator[str]:
    """Yield what a page links to or shows, but for addresses of other hosts."""
    for _, target in LINK.findall(FENCE.sub("", page.read_text())):
        if not target.startswith(("http:", "https:", "mailto:")):
            yield target


def images(page: Path) -> Iterator[Path]:
    """Yield the files of the pictures that a page shows."""
    for shown, target in LINK.findall(FENCE.sub("", page.read_text())):
        if shown:
            yield (page.parent / target).resolve()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}
