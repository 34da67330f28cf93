"""Model, further down: throughput and memory, where time goes, how runs went."""

import looks
from layout import Section
from model_scope import s
from panels import bars_panel, series_panel, timeline_panel
from queries import q

ON = "{{scenario}} on {{instance}}"
NO_INSPECTION = "Not inspected in range"


def _felt(quantile: str) -> str:
    wall, clean = (
        s(name, quantile=quantile) for name in ("mmied_profile_wall_latency_seconds", "mmied_profile_latency_seconds")
    )
    return f"max by (scenario, instance) ({wall} / {clean})"


COURSE = Section(
    title="Throughput and memory",
    collapsed=False,
    panels=[
        series_panel(
            "Throughput",
            "Samples a second while the model is called back to back, or paced as the scenario says.",
            q(f"max by (scenario, instance) ({s('mmied_profile_throughput_samples_per_second')})", ON),
            unit="short",
            width=8,
        ),
        series_panel(
            "Throughput in the model's own unit",
            "Tokens, images or requests a second, where the configuration says how many a sample has.",
            q(
                f"max by (scenario, unit, instance) ({s('mmied_profile_items_per_second')})",
                "{{unit}} of " + ON,
            ),
            unit="short",
            no_value="No unit configured",
            width=8,
        ),
        series_panel(
            "Memory at its peak",
            "Peak memory of the last run, by where it lies.",
            q(
                f"max by (scenario, space, instance) ({s('mmied_profile_peak_memory_bytes')})",
                "{{scenario}} {{space}} on {{instance}}",
            ),
            unit="bytes",
            width=8,
        ),
    ],
)

TIME = Section(
    title="Where the time goes",
    panels=[
        bars_panel(
            "Operators",
            "Self time of operators in one call, by category, in the last inspection.",
            q(f"max by (category) ({s('mmied_profile_operator_seconds')})", "{{category}}"),
            unit="s",
            no_value=NO_INSPECTION,
        ),
        bars_panel(
            "Layers",
            "Own time of the ten costliest layers in one call, in the last inspection.",
            q(f"max by (layer) ({s('mmied_profile_layer_seconds')})", "{{layer}}"),
            unit="s",
            no_value=NO_INSPECTION,
        ),
        series_panel(
            "Operators through time",
            "Self time of operators in one call, by category.",
            q(f"max by (category) ({s('mmied_profile_operator_seconds')})", "{{category}}"),
            unit="s",
            stacked=True,
            no_value=NO_INSPECTION,
        ),
        series_panel(
            "Layers through time",
            "Own time of the ten costliest layers in one call.",
            q(f"max by (layer) ({s('mmied_profile_layer_seconds')})", "{{layer}}"),
            unit="s",
            stacked=True,
            no_value=NO_INSPECTION,
        ),
        series_panel(
            "Phases of a run",
            "Wall time of the phases of the last run.",
            q(f"max by (phase) ({s('mmied_profile_phase_duration_seconds')})", "{{phase}}"),
            unit="s",
            stacked=True,
        ),
        series_panel(
            "Load and first call",
            "Cold start: the time to open the model, and of its first call in a fresh process.",
            q(f"max by (instance) ({s('mmied_profile_load_seconds')})", "load on {{instance}}"),
            q(f"max by (scenario, instance) ({s('mmied_profile_first_call_seconds')})", "first call, " + ON),
            unit="s",
        ),
        series_panel(
            "Arithmetic that is counted",
            "Share of the operators' time that was spent where operations can be counted.",
            q(f"max by (scenario) ({s('mmied_model_flops_coverage_ratio')})", "{{scenario}}"),
            unit="percentunit",
            maximum=1,
            no_value=NO_INSPECTION,
        ),
        series_panel(
            "Arithmetic",
            "Floating point operations of one call, as far as they can be counted.",
            q(f"max by (scenario) ({s('mmied_model_flops')})", "{{scenario}}"),
            unit="short",
            no_value=NO_INSPECTION,
        ),
    ],
)

ROOM = Section(
    title="Memory and energy",
    panels=[
        series_panel(
            "Memory of a run",
            "Peak, average, and what calls take beyond the loaded model.",
            q(
                f"max by (space, statistic) ({s('mmied_profile_memory_bytes')})",
                "{{space}} {{statistic}}",
            ),
            unit="bytes",
        ),
        series_panel(
            "Fragmentation",
            "Share of the device allocator's memory that cannot be given back.",
            q(f"max by (scenario, instance) ({s('mmied_profile_memory_fragmentation_ratio')})", ON),
            unit="percentunit",
            no_value="No GPU run in range",
        ),
        series_panel(
            "Energy of a run",
            "Energy that the GPU used while the last run measured.",
            q(f"max by (scenario, instance) ({s('mmied_profile_energy_joules')})", ON),
            unit="joule",
            no_value="No GPU run in range",
        ),
        series_panel(
            "CPU time of a run",
            "CPU time that the last run used.",
            q(f"max by (scenario, instance) ({s('mmied_profile_cpu_seconds')})", ON),
            unit="s",
        ),
        series_panel(
            "Replayed as a CUDA graph",
            "Median time of a call without the cost of launching its kernels.",
            q(f"max by (scenario, instance) ({s('mmied_profile_captured_seconds')})", ON),
            unit="s",
            no_value="No GPU run in range",
        ),
    ],
)

TRUST = Section(
    title="Can these figures be trusted?",
    panels=[
        series_panel(
            "Contention",
            "Share of calls that waited for a CPU or shared the device.",
            q(f"max by (scenario, instance) ({s('mmied_profile_contended_ratio')})", ON),
            unit="percentunit",
            maximum=1,
        ),
        series_panel(
            "Felt over clean",
            "Median of all calls over that of the calls that nobody disturbed: what waiting for others costs.",
            q(_felt("0.5"), ON),
            unit="percentunit",
            minimum=None,
        ),
        series_panel(
            "Noise",
            "Median absolute deviation over the median, within the last run.",
            q(f"max by (scenario, instance) ({s('mmied_profile_latency_noise_ratio')})", ON),
            unit="percentunit",
        ),
        series_panel(
            "Samples",
            "Clean calls behind the quantiles: a p95 takes 90 of them, a p99 459.",
            q(f"max by (scenario, instance) ({s('mmied_profile_samples')})", ON),
            unit="short",
        ),
        series_panel(
            "Runs",
            "Runs that were started, failed, or put off in the last hour.",
            q(f"sum(increase({s('mmied_profile_runs_total')}[1h]))", "started"),
            q(f"sum by (reason) (increase({s('mmied_profile_run_failures_total')}[1h])) > 0", "failed: {{reason}}"),
            q(f"sum by (reason) (increase({s('mmied_profile_runs_skipped_total')}[1h])) > 0", "put off: {{reason}}"),
            unit="short",
        ),
        timeline_panel(
            "Successful",
            "Whether the last run of each scenario succeeded.",
            q(f"min by (scenario, instance) ({s('mmied_profile_last_run_successful')})", ON),
            mapped=looks.SUCCESS,
            width=12,
        ),
    ],
)

DETAILS = (TIME, ROOM, TRUST)
