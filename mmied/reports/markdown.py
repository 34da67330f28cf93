"""Put text and tables into GitHub's Markdown without a name becoming markup."""

import re
from collections.abc import Sequence

SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


def escaped(text: str) -> str:
    """Return `text` so that it reads letter by letter, on one line, inside a table too."""
    return _letters(" ".join(text.split()))


def _letters(text: str) -> str:
    """Return `text` with nothing in it that means anything, its spaces as they are."""
    plain = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", plain)


def prose(text: str) -> str:
    """Return a sentence of ours, in which what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return escaped(text)
    return "".join(f"`{part}`" if at % 2 else _letters(part) for at, part in enumerate(parts))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, figures_from: int = 1) -> str:
    """Return a table of texts, which are escaped; columns from `figures_from` on stand to the right."""
    marks = ["---" if column < figures_from else "---:" for column in range(len(head))]
    lines = [[escaped(cell) for cell in head], marks, *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
