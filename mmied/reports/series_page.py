"""Write series with their changes as one interactive HTML page that works from a disk, without any network."""

from collections.abc import Sequence

from mmied.reports.charts.series import series_chart
from mmied.reports.page import render
from mmied.reports.series_rows import JudgedSeries, change_head, change_rows, series_words


def series_html(series: Sequence[JudgedSeries], *, source: str, how: str, notes: Sequence[str] = ()) -> str:
    """Return the page. `source` names where the series come from, and `how` says by what they were judged."""
    return render(
        "series_page.html",
        charts=any(each.judged for each in series),
        source=source,
        how=how,
        head=change_head(series),
        rows=change_rows(series),
        figures=[series_chart(each) for each in series if each.judged],
        said=[series_words(each) for each in series],
        notes=notes,
    )
