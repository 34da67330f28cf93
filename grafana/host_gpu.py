"""Host and GPU, the part of GPUs: utilization, memory, power, heat, clocks, errors."""

import looks
from layout import Section
from panels import series_panel, timeline_panel
from queries import Scope, q
from tables import Column, table_panel

s = Scope(("gpu",))
ON = "GPU {{gpu}} on {{instance}}"
BY = "by (gpu, instance)"
NO_GPU = "No GPU"

GPU = (
    Section(
        title="GPU",
        panels=[
            table_panel(
                "Each GPU",
                "Each GPU with its driver, and what it does now.",
                ("gpu", "instance", "name", "driver_version"),
                Column(title="", expr=f"max by (gpu, instance, name, driver_version) ({s('mmied_gpu_info')})"),
                Column(
                    title="busy", expr=f"max {BY} ({s('mmied_gpu_utilization_ratio')})", unit="percentunit", gauge=True
                ),
                Column(
                    title="memory",
                    expr=f"max {BY} ({s('mmied_gpu_memory_used_bytes')} / {s('mmied_gpu_memory_total_bytes')})",
                    unit="percentunit",
                    gauge=True,
                ),
                Column(title="temperature", expr=f"max {BY} ({s('mmied_gpu_temperature_celsius')})", unit="celsius"),
                Column(title="others' processes", expr=f"max {BY} ({s('mmied_gpu_compute_processes')})"),
                links={"instance": looks.to_daemon("${__data.fields.instance}")},
                no_value=NO_GPU,
            ),
            series_panel(
                "GPU busy",
                "Share of the sample period in which a kernel ran.",
                q(f"max {BY} ({s('mmied_gpu_utilization_ratio')})", ON),
                unit="percentunit",
                maximum=1,
                no_value=NO_GPU,
            ),
            series_panel(
                "GPU memory",
                "Device memory in use; dashed is what there is.",
                q(f"max {BY} ({s('mmied_gpu_memory_used_bytes')})", ON),
                q(f"max {BY} ({s('mmied_gpu_memory_total_bytes')})", "all of " + ON, dashed=True),
                unit="bytes",
                no_value=NO_GPU,
            ),
            series_panel(
                "Power",
                "Power draw; dashed is the enforced limit.",
                q(f"max {BY} ({s('mmied_gpu_power_watts')})", ON),
                q(f"max {BY} ({s('mmied_gpu_power_limit_watts')})", "limit of " + ON, dashed=True),
                unit="watt",
                no_value=NO_GPU,
            ),
            series_panel(
                "GPU temperature",
                "Temperature of the GPU's core.",
                q(f"max {BY} ({s('mmied_gpu_temperature_celsius')})", ON),
                unit="celsius",
                no_value=NO_GPU,
            ),
            timeline_panel(
                "Throttled",
                "Whether clocks are held down, and why: a capped GPU measures slower models.",
                q(
                    f"max by (gpu, reason, instance) ({s('mmied_gpu_throttle_active')})",
                    "{{reason}}, GPU {{gpu}} on {{instance}}",
                ),
                mapped=looks.YES_IS_BAD,
                no_value=NO_GPU,
                width=12,
            ),
            series_panel(
                "Clocks",
                "Clock frequencies of multiprocessors and memory.",
                q(
                    f"max by (gpu, clock, instance) ({s('mmied_gpu_clock_hertz')})",
                    "{{clock}}, GPU {{gpu}} on {{instance}}",
                ),
                unit="hertz",
                no_value=NO_GPU,
            ),
            series_panel(
                "Energy",
                "Energy that each GPU used in the last hour.",
                q(f"max {BY} (increase({s('mmied_gpu_energy_joules_total')}[1h]))", ON),
                unit="joule",
                no_value=NO_GPU,
            ),
            series_panel(
                "Uncorrected memory errors",
                "Uncorrected ECC errors in the last hour: any is one too many.",
                q(f"max {BY} (increase({s('mmied_gpu_ecc_uncorrected_errors_total')}[1h]))", ON),
                unit="short",
                no_value=NO_GPU,
            ),
            series_panel(
                "Processes of others",
                "Processes with a compute context on the GPU, mmied's own left out.",
                q(f"max {BY} ({s('mmied_gpu_compute_processes')})", ON),
                unit="short",
                no_value=NO_GPU,
                width=24,
            ),
        ],
    ),
)
