"""docs/alerts.md and the index of the runbooks say what the code says.

`python tests/deploy/test_alert_pages.py` writes them anew.
"""

from collections.abc import Iterator
from pathlib import Path

from mmied.alerting import GROUPS, THRESHOLDS, Alert, Settings
from mmied.alerting.settings import expression_of

DOCS = Path(__file__).parents[2] / "docs"
ALERTS_PAGE = DOCS / "alerts.md"
INDEX_PAGE = DOCS / "runbooks/README.md"

INTRODUCTION = """\
# Alerts

`deploy/prometheus/mmied.rules.yml` holds the rules below for Prometheus, `deploy/prometheus/prometheus.yml` a \
configuration that uses them, and `deploy/alertmanager/alertmanager.yml` one of Alertmanager. This page is made from \
the code by `python tests/deploy/test_alert_pages.py`.

```sh
mmied rules > /etc/prometheus/mmied.rules.yml
promtool check rules /etc/prometheus/mmied.rules.yml && systemctl reload prometheus
```

The scrape job is called `mmied`; for another name, other thresholds, and your own copy of the runbooks:

```sh
mmied rules --job ml-profiling --threshold severe_change_ratio=0.3 failed_runs=5 \\
    --runbook-url https://wiki.example.org/mmied/runbooks
```

`mmied rules --format grafana` prints the same alerts as a provisioning file for Grafana's own alerting. Use one of \
the two, or every alert comes twice. Grafana's texts say less: it cannot ask for further figures in them.

Who is told what is Alertmanager's to decide: its sample sends `critical` to a pager and all else to a team, and of \
alerts with one cause the one that says most:

| while this fires | these are not sent |
|---|---|
| `MmiedModelRegressionSevere` | `MmiedModelRegression` of the same host, model, scenario and metric |
| `MmiedModelFleetRegression` | both of the same model, scenario and metric |
| `MmiedHostSlow` | both on the host, where the cause is `host` |
| `MmiedDown` | all others of the host |
| `MmiedModelQuarantined` | `MmiedProfileFailing`, `MmiedProfileStale` and `MmiedProfileStarved` of the model |
| `MmiedProfileFailing` | `MmiedProfileStale` of the scenario |

`MmiedWatchdog` always fires: send it to a service that tells you when it stops.
"""


def alerts() -> list[Alert]:
    return [alert for group in GROUPS for alert in group.alerts]


def alerts_page() -> str:
    """Return docs/alerts.md as the code has it."""
    return "\n".join([INTRODUCTION, *_alerts(), *_thresholds(), *_recordings()])


def _alerts() -> Iterator[str]:
    for group in GROUPS:
        yield f"## {group.help[0].upper()}{group.help[1:]}"
        yield ""
        yield "| alert | severity | after | says |"
        yield "|---|---|---|---|"
        for alert in group.alerts:
            wait = alert.wait or "at once"
            yield f"| [`{alert.name}`](runbooks/{alert.name}.md) | {alert.severity} | {wait} | {alert.summary} |"
        yield ""
        for alert in group.alerts:
            yield f"`{alert.name}`:"
            yield ""
            yield f"```promql\n{expression_of(alert, Settings())}\n```"
            yield ""


def _thresholds() -> Iterator[str]:
    yield "## Thresholds"
    yield ""
    yield "| name | default | meaning |"
    yield "|---|---|---|"
    for threshold in THRESHOLDS:
        yield f"| `{threshold.name}` | {threshold.value:g} | {threshold.help} |"
    yield ""
    yield (
        "At which change a metric is in a regression at all, and when an objective is missed, the daemon decides, with "
        "more than one figure before it: see [what counts as a change](configuration.md#what-counts-as-a-change)."
    )
    yield ""


def _recordings() -> Iterator[str]:
    yield "## Recorded series"
    yield ""
    yield "| series | meaning |"
    yield "|---|---|"
    for recording in (each for group in GROUPS for each in group.recordings):
        yield f"| `{recording.name}` | {recording.help} |"
    yield ""


def index_page() -> str:
    """Return the index of the runbooks as the code has it."""
    rows = [f"| [{each.name}]({each.name}.md) | {each.severity} | {each.summary} |" for each in alerts()]
    return "\n".join(
        [
            "# Runbooks",
            "",
            "What to do when an alert of [these](../alerts.md) arrives. Each page tells what it means, what it does "
            "to whom, how to find the cause, what to do, and when it is a false alarm.",
            "",
            "| alert | severity | says |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def test_the_page_on_alerts_says_what_the_code_says() -> None:
    assert ALERTS_PAGE.read_text() == alerts_page(), "run `python tests/deploy/test_alert_pages.py`"


def test_the_index_of_runbooks_says_what_the_code_says() -> None:
    assert INDEX_PAGE.read_text() == index_page(), "run `python tests/deploy/test_alert_pages.py`"


def test_what_a_table_says_breaks_no_table() -> None:
    texts = [each.summary for each in alerts()] + [each.help for each in THRESHOLDS]
    assert all("|" not in text and "\n" not in text for text in texts)


if __name__ == "__main__":
    ALERTS_PAGE.write_text(alerts_page())
    INDEX_PAGE.write_text(index_page())
