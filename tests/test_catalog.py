"""What is known beforehand keeps to Prometheus' rules, and docs/metrics.md says the same.

`python tests/test_catalog.py` writes docs/metrics.md anew.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from mmied import catalog
from mmied.daemon.standing import BY_ADMISSION

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"


def metrics_page() -> str:
    """Return docs/metrics.md as the catalog has it."""
    lines = [
        "# Metrics",
        "",
        "What `/metrics` exports, as text or OpenMetrics. `python tests/test_catalog.py` makes this page "
        "from `mmied/catalog.py`.",
        "",
        "A figure that was not measured is absent, never zero; figures older than three intervals of their model are "
        "dropped, while the timestamps and `mmied_profile_last_run_successful` stay. Counters start at 0 for each "
        "known reason. `scenario` names a way to call a model: `b8` for batches of 8, `b8-gap100ms` where calls are "
        "paced. Quantiles that the sample does not bear with 99 % confidence are left out.",
        "",
    ]
    for title, reserved in (("Exported", False), ("Reserved: named, and not exported yet", True)):
        lines += [f"## {title}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]
        rows = [row for row in catalog.METRICS if row.reserved is reserved]
        lines += [f"| `{row.name}` | {row.type} | {', '.join(row.labels) or '–'} | {row.help} |" for row in rows]
        lines.append("")
    for title, table in (
        ("Why a run failed", catalog.FAILURE_REASONS),
        ("Why a run was not started", catalog.SKIP_REASONS),
        ("What the change ledger records", catalog.EVENT_KINDS),
    ):
        lines += [f"## {title}", "", "| word | meaning |", "|---|---|"]
        lines += [f"| `{word}` | {meaning} |" for word, meaning in table.items()]
        lines.append("")
    return "\n".join(lines)


def test_the_page_on_metrics_says_what_the_catalog_says() -> None:
    assert PAGE.read_text() == metrics_page(), "run `python tests/test_catalog.py`"


def test_names_are_unique_also_without_their_suffixes() -> None:
    assert len({row.name for row in catalog.METRICS}) == len(catalog.METRICS) == len(catalog.BY_NAME)
    assert len({row.family for row in catalog.METRICS}) == len(catalog.METRICS)


@pytest.mark.parametrize("row", catalog.METRICS, ids=lambda row: row.name)
def test_a_metric_keeps_to_the_rules_of_prometheus(row: catalog.Metric) -> None:
    assert re.fullmatch(r"mmied_[a-z0-9_]+", row.name)
    assert row.name.endswith("_total") is (row.type == "counter")
    assert row.name.endswith("_info") is (row.type == "info")
    assert not row.name.endswith(("_count", "_sum", "_bucket", "_created"))
    assert not re.search(r"(milli|micro|kilo|mega|giga|percent|_ms|_mb|_kb)", row.name), "base units only"
    assert row.help[0].isupper() or row.help[0].isdigit()
    assert row.help.endswith(".")
    assert "|" not in row.help, "it stands in a table"


@pytest.mark.parametrize("row", catalog.METRICS, ids=lambda row: row.name)
def test_labels_are_few_bounded_and_not_reserved(row: catalog.Metric) -> None:
    assert len(set(row.labels)) == len(row.labels) <= 6
    assert not set(row.labels) & {"le", "quantile", "job", "instance", "service", "env", "path", "error"}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in row.labels)


def test_reasons_and_events_are_single_words_with_a_meaning() -> None:
    for table in (catalog.FAILURE_REASONS, catalog.SKIP_REASONS, catalog.EVENT_KINDS):
        assert all(re.fullmatch(r"[a-z][a-z_]*", word) and meaning for word, meaning in table.items())


def test_what_admission_refuses_for_are_known_reasons() -> None:
    assert set(BY_ADMISSION) <= set(catalog.SKIP_REASONS)


def test_the_bounds_of_the_histogram_are_five_to_a_decade_from_a_tenth_of_a_millisecond_to_ten_seconds() -> None:
    bounds = catalog.HISTOGRAM_BOUNDS_SECONDS

    assert (bounds[0], bounds[-1], len(bounds)) == (1e-4, 10.0, 26)
    assert list(bounds) == sorted(bounds)
    assert all(1.5 < high / low < 1.7 for low, high in pairwise(bounds))


if __name__ == "__main__":
    PAGE.write_text(metrics_page())
