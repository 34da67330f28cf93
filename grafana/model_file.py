"""Model, the file and the visits to it: what it is, how long runs take, when it was last looked into."""

import looks
from layout import Section
from model_scope import s
from panels import series_panel, timeline_panel
from queries import q
from tables import Column, table_panel

ON = "{{scenario}} on {{instance}}"
NO_INSPECTION = "Not inspected in range"
SIZES = "by (model, instance)"

FILE = Section(
    title="The model, its runs and inspections",
    panels=[
        table_panel(
            "The model",
            "What each host has under this name. The revision is the beginning of its file's SHA-256.",
            ("model", "instance", "revision", "format", "dtype"),
            Column(title="", expr=f"max by (model, instance, revision, format, dtype) ({s('mmied_model_info')})"),
            Column(title="parameters", expr=f"max {SIZES} ({s('mmied_model_parameters')})", unit="short"),
            Column(title="size", expr=f"max {SIZES} ({s('mmied_model_artifact_size_bytes')})", unit="bytes"),
            links={"instance": looks.to_model("${model}", "${__data.fields.instance}")[1:]},
            width=12,
        ),
        table_panel(
            "Inspections",
            "When each host looked into the model for the last time, how often it means to, and what went wrong.",
            ("model", "instance"),
            Column(
                title="last",
                expr=f"max {SIZES} ({s('mmied_inspection_last_success_timestamp_seconds')}) * 1000",
                unit="dateTimeFromNow",
            ),
            Column(title="every", expr=f"max {SIZES} ({s('mmied_inspection_interval_seconds')})", unit="s"),
            Column(
                title="failed passes",
                expr=f"max {SIZES} ({s('mmied_inspection_failed_passes')})",
                steps=looks.ANY_IS_ODD,
            ),
            Column(
                title="failed in range",
                expr=f"round(sum {SIZES} (increase({s('mmied_inspection_run_failures_total')}[$__range])))",
                steps=looks.ANY_IS_BAD,
            ),
            no_value=NO_INSPECTION,
            width=12,
        ),
        table_panel(
            "Settings of the scenarios",
            "How the model is called in each scenario, and how often.",
            ("scenario", "instance", "device", "batch_size", "threads", "compile_mode"),
            Column(
                title="",
                expr="max by (scenario, instance, device, batch_size, threads, compile_mode) "
                f"({s('mmied_profile_info')})",
            ),
            Column(
                title="every", expr=f"max by (scenario, instance) ({s('mmied_profile_interval_seconds')})", unit="s"
            ),
            height=6,
        ),
        series_panel(
            "Duration of a run",
            "Wall time of the last run, all phases.",
            q(f"max by (scenario, instance) ({s('mmied_profile_last_run_duration_seconds')})", ON),
            unit="s",
        ),
        series_panel(
            "Slowest call",
            "The slowest call of the last run that nobody disturbed.",
            q(f"max by (scenario, instance) ({s('mmied_profile_latency_max_seconds')})", ON),
            unit="s",
        ),
        series_panel(
            "Runs behind the quantiles",
            "Above 1, samples of earlier runs under the same fingerprint were pooled, as one run makes too few.",
            q(f"max by (scenario, instance) ({s('mmied_profile_pooled_runs')})", ON),
            unit="short",
        ),
        timeline_panel(
            "Contended",
            "Whether the last run was disturbed so much that it does not count for the baseline.",
            q(f"max by (scenario, instance) ({s('mmied_profile_last_run_contended')})", ON),
            mapped=looks.YES_IS_BAD,
            width=12,
        ),
    ],
)
