"""Model: how one model does against its baseline and objectives, where its time goes, and why it changed."""

import looks
from choices import alerts, daemons, deploys, events, models_of, regressions, scenarios, scheme
from layout import Page, Section
from model_details import COURSE, DETAILS
from model_file import FILE
from model_judged import JUDGED
from model_scope import s
from panels import heatmap_panel, series_panel, stat_panel
from queries import q
from tables import Column, table_panel

BY = "by (scenario, instance)"
LINKS = looks.to_model("${model}", "${__field.labels.instance}")[1:]
ROW_LINKS = {
    "instance": [
        *looks.to_model("${model}", "${__data.fields.instance}")[1:],
        *looks.to_daemon("${__data.fields.instance}"),
    ]
}


def _latency(quantile: str, name: str = "mmied_profile_latency_seconds") -> str:
    return s(name, quantile=quantile)


def _per_quantile(name: str) -> str:
    return f"max by (quantile, instance) ({s(name)})"


NOW = Section(
    title="Now",
    collapsed=False,
    panels=[
        stat_panel(
            "Last run",
            "Whether the last runs of all chosen scenarios succeeded.",
            q(f"min({s('mmied_profile_last_run_successful')})"),
            mapped=looks.SUCCESS,
        ),
        stat_panel(
            "Regressions",
            "Metrics of the chosen scenarios that are in a confirmed regression.",
            q(f"sum({s('mmied_regression_active')})"),
            steps=looks.ANY_IS_BAD,
            no_value="Nothing judged",
        ),
        stat_panel(
            "Worst change",
            "Largest change of a metric against its baseline: 10 % is that much worse.",
            q(f"max({s('mmied_regression_change_ratio')})"),
            unit="percentunit",
            steps=looks.WORSE,
            no_value="Nothing judged",
        ),
        stat_panel("p50", "Median latency of the slowest scenario.", q(f"max({_latency('0.5')})"), unit="s"),
        stat_panel(
            "p99",
            "99th percentile of latency of the slowest scenario; absent where the sample is too small to tell.",
            q(f"max({_latency('0.99')})"),
            unit="s",
            no_value="Too few samples",
        ),
        stat_panel(
            "Peak memory",
            "Peak memory of the hungriest scenario, on the host or the device.",
            q(f"max({s('mmied_profile_peak_memory_bytes')})"),
            unit="bytes",
        ),
        stat_panel(
            "Least headroom",
            "How far the nearest objective is, over the objective; below 0 it is missed.",
            q(f"min({s('mmied_objective_headroom_ratio')})"),
            unit="percentunit",
            steps=looks.BELOW_ZERO_IS_BAD,
            no_value="No objective",
        ),
        stat_panel(
            "Last success",
            "Age of the oldest last success of the chosen scenarios.",
            q(f"time() - min({s('mmied_profile_last_success_timestamp_seconds')})"),
            unit="s",
        ),
        table_panel(
            "Scenarios",
            "Each way to call the model on each host, in its last successful run.",
            ("scenario", "instance"),
            Column(title="last run", expr=f"min {BY} ({s('mmied_profile_last_run_successful')})", mapped=looks.SUCCESS),
            Column(title="p50", expr=f"max {BY} ({_latency('0.5')})", unit="s"),
            Column(title="p95", expr=f"max {BY} ({_latency('0.95')})", unit="s"),
            Column(title="p99", expr=f"max {BY} ({_latency('0.99')})", unit="s"),
            Column(
                title="worst change",
                expr=f"max {BY} ({s('mmied_regression_change_ratio')})",
                unit="percentunit",
                steps=looks.WORSE,
            ),
            Column(
                title="samples a second",
                expr=f"max {BY} ({s('mmied_profile_throughput_samples_per_second')})",
                unit="short",
            ),
            Column(title="peak memory", expr=f"max {BY} ({s('mmied_profile_peak_memory_bytes')})", unit="bytes"),
            Column(
                title="next run in",
                expr=f"min {BY} ({s('mmied_profile_next_run_timestamp_seconds')}) - time()",
                unit="s",
            ),
            links=ROW_LINKS,
            sort=("scenario", False),
            height=7,
        ),
    ],
)

LATENCY = Section(
    title="Latency of $scenario",
    collapsed=False,
    repeat="scenario",
    panels=[
        series_panel(
            "Quantiles, baseline and objective",
            "Latency of one call in the last successful run, clean of waiting for others. Dashed: the baseline that "
            "the last run was compared with, and the objective. Quantiles that the sample does not bear are left out.",
            q(_per_quantile("mmied_profile_latency_seconds"), "{{quantile}} on {{instance}}"),
            q(_per_quantile("mmied_baseline_latency_seconds"), "baseline {{quantile}} on {{instance}}", dashed=True),
            q(
                _per_quantile("mmied_objective_latency_seconds"),
                "objective {{quantile}} on {{instance}}",
                dashed=True,
            ),
            unit="s",
            links=LINKS,
            height=9,
        ),
        heatmap_panel(
            "Distribution",
            "All calls of the runs, by how long they took. Points are single calls: they lead to their run.",
            q(
                f"sum by (le) (increase({s('mmied_profile_iteration_duration_seconds_bucket')}[$__rate_interval]))",
                "{{le}}",
            ),
            unit="s",
            height=9,
        ),
    ],
)

PAGE = Page(
    uid="mmied-model",
    title="mmied / Model",
    about="One model: latency against baseline and objectives, throughput, memory, where its time goes, what changed.",
    since="now-24h",
    variables=[*daemons(), models_of(several=False), scenarios(), scheme()],
    annotations=[alerts(of_model="$model|"), regressions(s), deploys(s), events()],
    sections=[NOW, LATENCY, COURSE, JUDGED, *DETAILS, FILE],
)
