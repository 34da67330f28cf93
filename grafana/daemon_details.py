"""mmied itself, further down: its history, what it was told and saw, how its collectors do."""

import looks
from layout import Section
from panels import series_panel, timeline_panel
from queries import Scope, q

s = Scope()
ON = "{{instance}}"

HISTORY = Section(
    title="History",
    panels=[
        series_panel(
            "Size",
            "Size of the history on disk; dashed is its limit.",
            q(f"max by (instance) ({s('mmied_store_size_bytes')})", ON),
            q(f"max by (instance) ({s('mmied_store_size_limit_bytes')})", "limit of " + ON, dashed=True),
            unit="bytes",
        ),
        series_panel(
            "Writes",
            "Transactions in the last hour: committed, and failed.",
            q(f"sum by (instance) (increase({s('mmied_store_writes_total')}[1h]))", "committed on " + ON),
            q(f"sum by (instance) (increase({s('mmied_store_write_failures_total')}[1h]))", "failed on " + ON),
            unit="short",
        ),
        series_panel(
            "Rows removed",
            "Rows that retention removed in the last hour.",
            q(f"sum by (instance) (increase({s('mmied_store_pruned_rows_total')}[1h]))", ON),
            unit="short",
            width=24,
        ),
    ],
)

EVENTS = Section(
    title="Configuration, changes and log",
    panels=[
        timeline_panel(
            "Configuration in use",
            "Whether the last load or reload succeeded.",
            q(f"min by (instance) ({s('mmied_config_last_reload_successful')})", ON),
            mapped={"0": ("rejected", "red"), "1": ("in use", "green")},
            width=12,
        ),
        series_panel(
            "Reloads",
            "Reloads in the last hour: asked for, and rejected.",
            q(f"sum by (instance) (increase({s('mmied_config_reloads_total')}[1h]))", "asked for on " + ON),
            q(f"sum by (instance) (increase({s('mmied_config_reload_failures_total')}[1h]))", "rejected on " + ON),
            unit="short",
        ),
        series_panel(
            "Log messages",
            "Messages that the daemon logged in the last hour, by level.",
            q(f"sum by (level) (increase({s('mmied_log_messages_total')}[1h]))", "{{level}}"),
            unit="short",
            stacked=True,
        ),
        series_panel(
            "Changes",
            "Changes in the last day that the daemon saw: of models, versions, driver, clocks, host, configuration.",
            q(f"sum by (kind) (increase({s('mmied_events_total')}[1d]))", "{{kind}}"),
            unit="short",
            stacked=True,
        ),
        series_panel(
            "Messages about alarms",
            "Messages of the daemon's own `notify` in the last hour: taken, and attempts that failed and are repeated.",
            q(f"sum by (target) (increase({s('mmied_notifications_total')}[1h]))", "{{target}} took"),
            q(f"sum by (target) (increase({s('mmied_notification_failures_total')}[1h]))", "{{target}} failed"),
            unit="short",
            no_value="No notify configured",
        ),
        series_panel(
            "Messages that wait",
            "Messages that wait for a target to take them.",
            q(f"sum by (target, instance) ({s('mmied_notifications_waiting')})", "{{target}} on {{instance}}"),
            unit="short",
            no_value="No notify configured",
        ),
        timeline_panel(
            "Collectors",
            "Whether each collector of figures works; those called exporter_… make the metrics themselves.",
            q(
                f"min by (collector, instance) ({s('mmied_collector_success')})",
                "{{collector}} on {{instance}}",
            ),
            mapped=looks.YES_IS_GOOD,
            width=12,
        ),
        series_panel(
            "Time of the collectors",
            "How long the last collection took.",
            q(
                f"max by (collector, instance) ({s('mmied_collector_duration_seconds')})",
                "{{collector}} on {{instance}}",
            ),
            unit="s",
        ),
    ],
)

DETAILS = (HISTORY, EVENTS)
