"""Fleet overview: is every daemon up, is every model measured, has anything become worse?"""

import looks
from choices import alerts, daemons, deploys, models_of, regressions, scenarios, scheme
from layout import Page, Section
from panels import series_panel, stat_panel, timeline_panel
from queries import Scope, q
from tables import Column, table_panel

s = Scope(("model", "scenario"))
KEYS = ("model", "instance")
BY = "by (model, instance)"
ACTIVE = f"{s('mmied_regression_active')} == 1"
SERIES = "on (job, instance, model, scenario, metric)"
CAUSES = f"({s('mmied_regression_cause')} == 1)"
AGE = f"time() - {s('mmied_profile_last_success_timestamp_seconds')}"
STALE = f"({AGE}) / {s('mmied_profile_interval_seconds')}"
PER_BASELINE = " / on (job, instance, model, scenario, quantile) ".join(
    s(name, quantile="0.95") for name in ("mmied_profile_latency_seconds", "mmied_baseline_latency_seconds")
)
TO_MODEL = looks.to_model("${__field.labels.model}", "${__field.labels.instance}")
ROW_TO_MODEL = looks.to_model("${__data.fields.model}", "${__data.fields.instance}")
ROW_TO_DAEMON = looks.to_daemon("${__data.fields.instance}")
ROW_LINKS = {"model": ROW_TO_MODEL, "instance": ROW_TO_DAEMON}

NOW = Section(
    title="Now",
    collapsed=False,
    panels=[
        stat_panel(
            "Daemons",
            "Daemons that answered the last scrape.",
            q(f"sum({s.up})"),
            steps=looks.NONE_IS_BAD,
            no_value="No target",
        ),
        stat_panel(
            "Unreachable",
            "Daemons that did not answer the last scrape.",
            q(f"count({s.up}) - sum({s.up})"),
            steps=looks.ANY_IS_BAD,
            no_value="No target",
        ),
        stat_panel(
            "Models",
            "Models that are profiled; one that several hosts have counts once.",
            q(f"count(count by (model) ({s('mmied_profile_interval_seconds')}))"),
            no_value="No model",
        ),
        stat_panel(
            "Failing",
            "Models on a host of which a scenario's last run failed.",
            q(f"sum(max {BY} ({s('mmied_profile_consecutive_failures')}) > bool 0)"),
            steps=looks.ANY_IS_BAD,
        ),
        stat_panel(
            "Stale",
            "Models on a host without a successful run for three intervals.",
            q(f"sum(max {BY} ({STALE}) > bool 3)"),
            steps=looks.ANY_IS_ODD,
        ),
        stat_panel(
            "Regressions",
            "Metrics of a scenario on a host that are in a confirmed regression.",
            q(f"sum({s('mmied_regression_active')})"),
            steps=looks.ANY_IS_BAD,
            no_value="Nothing judged",
        ),
        stat_panel(
            "Objectives missed",
            "Objectives that the last runs missed.",
            q(f"sum({s('mmied_objective_missed')})"),
            steps=looks.ANY_IS_BAD,
            no_value="None set",
        ),
        stat_panel(
            "Optimizations",
            "Candidates that help a model on a host, by the last search.",
            q(f"count({s('mmied_candidate_verdict', verdict='helps')})"),
            steps=looks.ANY_IS_GOOD,
            no_value="None found",
        ),
    ],
)


def _latency(quantile: str) -> str:
    return s("mmied_profile_latency_seconds", quantile=quantile)


MODELS = Section(
    title="Models",
    collapsed=False,
    panels=[
        table_panel(
            "Models by host",
            "Each model on each host: what came of its last runs, the latency of its slowest scenario, its worst "
            "change against the baseline, and the age of its last success. Its name leads to its dashboard and page.",
            KEYS,
            Column(title="last run", expr=f"min {BY} ({s('mmied_profile_last_run_successful')})", mapped=looks.SUCCESS),
            Column(title="p50", expr=f"max {BY} ({_latency('0.5')})", unit="s"),
            Column(title="p99", expr=f"max {BY} ({_latency('0.99')})", unit="s"),
            Column(
                title="worst change",
                expr=f"max {BY} ({s('mmied_regression_change_ratio')})",
                unit="percentunit",
                steps=looks.WORSE,
            ),
            Column(title="peak memory", expr=f"max {BY} ({s('mmied_profile_peak_memory_bytes')})", unit="bytes"),
            Column(
                title="failures in a row",
                expr=f"max {BY} ({s('mmied_profile_consecutive_failures')})",
                steps=looks.ANY_IS_BAD,
            ),
            Column(title="last success", expr=f"max {BY} ({AGE})", unit="s"),
            links=ROW_LINKS,
            sort=("worst change", True),
            height=10,
        ),
        table_panel(
            "Active regressions",
            "Confirmed regressions with their cause. What a change of 0.1 means is that the metric is 10 % worse.",
            ("model", "scenario", "metric", "instance", "cause"),
            Column(
                title="change",
                expr="max by (model, scenario, metric, instance, cause) ("
                f"{s('mmied_regression_change_ratio')} * {SERIES} group_left (cause) {CAUSES})",
                unit="percentunit",
                steps=looks.WORSE,
            ),
            Column(
                title="threshold",
                expr="max by (model, scenario, metric, instance) ("
                f"{s('mmied_regression_threshold_ratio')} and {SERIES} {ACTIVE})",
                unit="percentunit",
            ),
            links=ROW_LINKS,
            sort=("change", True),
            no_value="No active regression",
        ),
    ],
)

COURSE = Section(
    title="Course",
    collapsed=False,
    panels=[
        timeline_panel(
            "Last run of each model",
            "Whether the last runs of all scenarios of a model succeeded.",
            q(f"min {BY} ({s('mmied_profile_last_run_successful')})", "{{model}} on {{instance}}"),
            mapped=looks.SUCCESS,
            links=TO_MODEL,
        ),
        series_panel(
            "p95 over its baseline",
            "The slowest scenario's p95 over that of its baseline: 1 is as before.",
            q(f"max {BY} ({PER_BASELINE})", "{{model}} on {{instance}}"),
            unit="percentunit",
            no_value="No baseline yet",
            links=TO_MODEL,
        ),
        series_panel(
            "Runs not started",
            "Planned runs that were put off in the last hour, by reason: a host that is always busy is never measured.",
            q(f"sum by (reason) (increase({s('mmied_profile_runs_skipped_total')}[1h]))", "{{reason}}"),
            unit="short",
            stacked=True,
        ),
    ],
)

HOSTS = Section(
    title="Daemons and hosts",
    panels=[
        timeline_panel(
            "Reachable",
            "Whether Prometheus reached the daemon.",
            q(f"min by (instance) ({s.up})", "{{instance}}"),
            mapped=looks.REACHED,
            no_value="No target",
            width=12,
        ),
        table_panel(
            "Hosts",
            "Each daemon with its versions and what it and its host are busy with.",
            ("instance",),
            Column(title="", expr=f"max by (instance, version, torch_version) ({s('mmied_build_info')})"),
            Column(
                title="CPU busy",
                expr=f"max by (instance) ({s('mmied_host_cpu_utilization_ratio')})",
                unit="percentunit",
                gauge=True,
            ),
            Column(
                title="mmied's CPU",
                expr=f"sum by (instance) (rate({s('mmied_overhead_cpu_seconds_total')}[1h]))"
                f" / max by (instance) ({s('mmied_host_cpus')})",
                unit="percentunit",
            ),
            Column(title="slow", expr=f"max by (instance) ({s('mmied_host_slow')})", mapped=looks.YES_IS_BAD),
            links={"instance": ROW_TO_DAEMON},
            width=12,
        ),
    ],
)

VERSIONS = Section(
    title="Revisions and causes",
    panels=[
        table_panel(
            "Revisions",
            "Which file each host has under a model's name: hosts that differ show here.",
            ("model", "revision", "dtype", "format"),
            Column(title="hosts", expr=f"count by (model, revision, dtype, format) ({s('mmied_model_info')})"),
            links={"model": looks.to_model("${__data.fields.model}", "All")},
            width=12,
        ),
        series_panel(
            "Regressions by cause",
            "Active regressions by what they are put down to.",
            q(f"sum by (cause) ({s('mmied_regression_cause')})", "{{cause}}"),
            unit="short",
            stacked=True,
            no_value="No active regression",
        ),
        series_panel(
            "Regressions confirmed",
            "Regressions that were confirmed in the last day, by metric.",
            q(f"sum by (metric) (increase({s('mmied_regressions_total')}[1d]))", "{{metric}}"),
            unit="short",
            no_value="Nothing judged",
        ),
        series_panel(
            "Runs that failed",
            "Failed runs in the last hour, by reason.",
            q(f"sum by (reason) (increase({s('mmied_profile_run_failures_total')}[1h]))", "{{reason}}"),
            unit="short",
            stacked=True,
        ),
    ],
)

PAGE = Page(
    uid="mmied-fleet",
    title="mmied / Fleet overview",
    about="All models on all hosts: reachable, measured, unchanged?",
    since="now-24h",
    variables=[*daemons(), models_of(several=True), scenarios(), scheme()],
    annotations=[alerts(), regressions(s), deploys(s)],
    sections=[NOW, MODELS, COURSE, HOSTS, VERSIONS],
)
