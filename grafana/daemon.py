"""mmied itself: does it run, what does it cost, does it get round to its work?"""

import looks
from choices import alerts, daemons, events, reloads, scheme
from daemon_details import DETAILS
from layout import Page, Section
from panels import series_panel, stat_panel
from queries import Scope, q
from tables import Column, table_panel

s = Scope()
ON = "{{instance}}"
LINKS = looks.to_daemon("${__field.labels.instance}")
ROW_LINKS = {"instance": looks.to_daemon("${__data.fields.instance}")}
BUSY = f"sum by (instance) (rate({s('mmied_overhead_cpu_seconds_total')}[1h]))"
OVERHEAD = f"{BUSY} / max by (instance) ({s('mmied_host_cpus')})"

NOW = Section(
    title="Now",
    collapsed=False,
    panels=[
        stat_panel(
            "Up",
            "Daemons that answered the last scrape.",
            q(f"sum({s.up})"),
            steps=looks.NONE_IS_BAD,
            no_value="No target",
        ),
        stat_panel(
            "mmied's CPU",
            "CPU time of daemon and workers in the last hour, over all CPUs, on the host where it is most.",
            q(f"max({OVERHEAD})"),
            unit="percentunit",
        ),
        stat_panel(
            "Of its budget",
            "The same over the configured ceiling, where it is most; above 100 % for an hour is an alert.",
            q(f"max({OVERHEAD} / max by (instance) ({s('mmied_overhead_cpu_budget_ratio')}))"),
            unit="percentunit",
            steps=((None, "green"), (0.9, "orange"), (1, "red")),
        ),
        stat_panel(
            "Budget asked for",
            "What the schedule asks for over what the budget gives: above 100 % runs are put off.",
            q(f"max({s('mmied_budget_demand_ratio')})"),
            unit="percentunit",
            steps=((None, "green"), (0.8, "orange"), (1, "red")),
        ),
        stat_panel(
            "History",
            "Size of the fullest history over its limit.",
            q(f"max({s('mmied_store_size_bytes')} / {s('mmied_store_size_limit_bytes')})"),
            unit="percentunit",
            steps=looks.FULL,
            no_value="PostgreSQL",
        ),
        stat_panel(
            "Configuration",
            "Whether the last configuration was taken everywhere; a rejected one leaves the former in use.",
            q(f"min({s('mmied_config_last_reload_successful')})"),
            mapped={"0": ("rejected", "red"), "1": ("in use", "green")},
        ),
        stat_panel(
            "Errors logged",
            "Errors that the daemons logged in the range.",
            q(f"round(sum(increase({s('mmied_log_messages_total', level='~error|critical')}[$__range])))"),
            unit="short",
            steps=looks.ANY_IS_BAD,
        ),
        stat_panel(
            "Quarantined",
            "Models that are set aside because their runs killed the daemon twice.",
            q(f"sum({s('mmied_profile_quarantined')})"),
            steps=looks.ANY_IS_BAD,
        ),
        table_panel(
            "Daemons",
            "Versions of each daemon, and how long ago its configuration was loaded.",
            ("instance", "version", "python_version", "torch_version"),
            Column(
                title="",
                expr=f"max by (instance, version, python_version, torch_version) ({s('mmied_build_info')})",
            ),
            Column(
                title="configured",
                expr=f"max by (instance) ({s('mmied_config_last_reload_success_timestamp_seconds')}) * 1000",
                unit="dateTimeFromNow",
            ),
            Column(title="jobs", expr=f"max by (instance) ({s('mmied_scheduler_jobs')})"),
            Column(title="lag", expr=f"max by (instance) ({s('mmied_scheduler_lag_seconds')})", unit="s"),
            links=ROW_LINKS,
            height=6,
        ),
    ],
)

COST = Section(
    title="What it costs",
    collapsed=False,
    panels=[
        series_panel(
            "CPU against budget",
            "CPU time of daemon and workers in the last hour, over all CPUs; dashed is the configured ceiling.",
            q(OVERHEAD, ON),
            q(f"max by (instance) ({s('mmied_overhead_cpu_budget_ratio')})", "budget of " + ON, dashed=True),
            unit="percentunit",
            links=LINKS,
        ),
        series_panel(
            "CPU by component",
            "CPUs that the daemon and its workers keep busy, over the last hour.",
            q(
                f"sum by (component) (rate({s('mmied_overhead_cpu_seconds_total')}[1h]))",
                "{{component}}",
            ),
            unit="short",
            stacked=True,
        ),
        series_panel(
            "Budget held",
            "Seconds of CPU or GPU time that the budget holds at present; below 0 is owed.",
            q(f"max by (resource, instance) ({s('mmied_budget_tokens_seconds')})", "{{resource}} on {{instance}}"),
            unit="s",
            minimum=None,
        ),
        series_panel(
            "Memory of workers",
            "Highest resident memory of the last worker.",
            q(f"max by (instance) ({s('mmied_worker_memory_max_bytes')})", ON),
            unit="bytes",
        ),
    ],
)

WORK = Section(
    title="Does it get round to its work?",
    collapsed=False,
    panels=[
        series_panel(
            "Runs",
            "Runs that were started in the last hour.",
            q(f"sum by (instance) (increase({s('mmied_profile_runs_total')}[1h]))", "profiles on {{instance}}"),
            q(f"sum by (instance) (increase({s('mmied_inspection_runs_total')}[1h]))", "inspections on {{instance}}"),
            unit="short",
        ),
        series_panel(
            "Put off",
            "Planned runs that were not started in the last hour, by reason.",
            q(f"sum by (reason) (increase({s('mmied_profile_runs_skipped_total')}[1h]))", "{{reason}}"),
            unit="short",
            stacked=True,
        ),
        series_panel(
            "Failed",
            "Runs that failed in the last hour, by reason.",
            q(f"sum by (reason) (increase({s('mmied_profile_run_failures_total')}[1h]))", "{{reason}}"),
            unit="short",
            stacked=True,
        ),
        series_panel(
            "Lag",
            "Delay between the planned and the actual start of the last job.",
            q(f"max by (instance) ({s('mmied_scheduler_lag_seconds')})", ON),
            unit="s",
        ),
    ],
)

PAGE = Page(
    uid="mmied-daemon",
    title="mmied / mmied itself",
    about="The daemons: do they run, what do they cost, do they get round to their work?",
    since="now-24h",
    variables=[*daemons(), scheme()],
    annotations=[alerts(), reloads(), events()],
    sections=[NOW, COST, WORK, *DETAILS],
)
