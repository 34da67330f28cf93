"""Parts of Prometheus' templates: figures that an alert's own value does not carry."""

from collections.abc import Sequence

MODEL = ("job", "instance", "model")
SCENARIO = (*MODEL, "scenario")
METRIC = (*SCENARIO, "metric")
WHAT = "{{ $labels.model }}{{ with $labels.scenario }} {{ . }}{{ end }}"
WHO = f"{WHAT} on {{{{ $labels.instance }}}}"
# The quantile that a metric such as latency_p50 or latency_p999 speaks of; another metric stays as it is, and is none.
_QUANTILE = '(reReplaceAll "^latency_p([0-9]+?)0?$" "0.$1" $labels.metric)'


def figure(
    metric: str,
    labels: Sequence[str],
    say: str,
    *,
    before: str,
    after: str = "",
    function: str = "",
    **matched: str,
) -> str:
    """Return a template of a metric's value at the alert's `labels` and `matched`, said by `say`.

    It says nothing, neither `before` nor `after`, where there is no such series.
    """
    matchers = [*(f"{label}=%q" for label in labels), *(f'{label}="{value}"' for label, value in matched.items())]
    series = f"{metric}{{{','.join(matchers)}}}"
    asked = f"{function}({series})" if function else series
    return _template(asked, [f"$labels.{label}" for label in labels], f"value | {say}", before, after)


def quantile(metric: str, *, before: str, after: str = "") -> str:
    """Return a template of the quantile of a latency summary that the alert's metric speaks of."""
    matchers = ",".join(f"{label}=%q" for label in (*SCENARIO, "quantile"))
    values = [*(f"$labels.{label}" for label in SCENARIO), _QUANTILE]
    return _template(f"{metric}{{{matchers}}}", values, "value | humanizeDuration", before, after)


def commonest(metric: str, labels: Sequence[str], label: str, *, before: str) -> str:
    """Return a template of the value of `label` at which a counter stands highest."""
    matchers = ",".join(f"{each}=%q" for each in labels)
    values = [f"$labels.{each}" for each in labels]
    return _template(f"topk(1, {metric}{{{matchers}}} > 0)", values, f'label "{label}"', before, "")


def _template(asked: str, values: Sequence[str], say: str, before: str, after: str) -> str:
    found = f"{{{{ with printf `{asked}` {' '.join(values)} | query }}}}"
    return f"{found}{before}{{{{ . | first | {say} }}}}{after}{{{{ end }}}}"
