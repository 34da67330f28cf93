"""Write a search as Markdown short enough for the summary of a CI step."""

from mmied.formats import clock, percent
from mmied.optimization import Search
from mmied.reports.figures import Cell
from mmied.reports.markdown import escaped, table
from mmied.reports.search_rows import counted, not_tried, summarize_search
from mmied.reports.words import sentence


def search_markdown(search: Search) -> str:
    """Return the report."""
    summary = summarize_search(search)
    facts = [
        search.device,
        f"batch sizes {', '.join(map(str, search.batch_sizes))}",
        f"worthwhile from {percent(search.minimum_effect_ratio)}",
        search.host,
        clock(search.at),
        f"mmied {search.mmied_version}",
    ]
    rows = [(row.trial.candidate, row.said, *map(_cell, row.cells)) for row in summary.rows]
    why = [f"**{escaped(row.trial.candidate)}**: {escaped(sentence(row.trial.why))}" for row in summary.rows]
    refused = [
        f"{escaped(', '.join(names))}: {escaped(sentence(reason))}" for reason, names in not_tried(search).items()
    ]
    parts = [
        f"## What helps {escaped(search.model)}",
        escaped(" · ".join(facts)),
        escaped(sentence(counted(search))),
        table(("Candidate", "Verdict", *summary.head), rows, figures_from=2) if rows else "Nothing was tried.",
        "Speed-ups are medians over neighbouring blocks of calls, with 95 % intervals." if rows else "",
        _bullets(why),
        f"<details><summary>Not tried</summary>\n\n{_bullets(refused)}\n\n</details>" if refused else "",
        _bullets([escaped(sentence(note)) for note in search.notes]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(cell: Cell) -> str:
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
