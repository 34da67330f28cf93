"""Host and GPU: what the machine was doing while models were measured on it."""

import looks
from choices import alerts, daemons, events, label, runs, scheme
from host_gpu import GPU
from layout import Page, Section
from panels import series_panel, stat_panel
from queries import Scope, q
from tables import Column, table_panel

s = Scope(("gpu",))
ON = "{{instance}}"
LINKS = looks.to_daemon("${__field.labels.instance}")
NO_SENSOR = "No such sensor"


def _used() -> str:
    return f"1 - {s('mmied_host_memory_available_bytes')} / {s('mmied_host_memory_total_bytes')}"


NOW = Section(
    title="Now",
    collapsed=False,
    panels=[
        stat_panel(
            "CPU busy",
            "Share of CPU time that was not idle, on the busiest host.",
            q(f"max({s('mmied_host_cpu_utilization_ratio')})"),
            unit="percentunit",
            steps=looks.FULL,
        ),
        stat_panel(
            "Load per CPU",
            "Processes that run or wait, over one minute, for each CPU of the busiest host.",
            q(f"max({s('mmied_host_load1')} / {s('mmied_host_cpus')})"),
            unit="short",
            steps=((None, "green"), (1, "orange"), (2, "red")),
        ),
        stat_panel(
            "Memory used",
            "Share of memory that is not available, on the fullest host.",
            q(f"max({_used()})"),
            unit="percentunit",
            steps=looks.FULL,
        ),
        stat_panel(
            "CPU pressure",
            "Share of the range in which at least one task waited for a CPU, on the worst host.",
            q(f"max(rate({s('mmied_host_pressure_waiting_seconds_total', resource='cpu')}[$__range]))"),
            unit="percentunit",
            no_value="No PSI in this kernel",
        ),
        stat_panel(
            "Slow hosts",
            "Hosts whose own reference workloads became slower: models measured there seem slower too.",
            q(f"sum(max by (instance) ({s('mmied_host_slow')}))"),
            steps=looks.ANY_IS_BAD,
            no_value="Nothing judged",
        ),
        stat_panel(
            "GPUs",
            "GPUs of all chosen hosts.",
            q(f"count({s('mmied_gpu_info')})"),
            no_value="No GPU",
        ),
        stat_panel(
            "GPUs throttled",
            "GPUs whose clocks are held down by heat or power at this moment.",
            q(f"sum(max by (instance, gpu) ({s('mmied_gpu_throttle_active')}))"),
            steps=looks.ANY_IS_ODD,
            no_value="No GPU",
        ),
        stat_panel(
            "Failing collectors",
            "Collectors of hardware figures whose last collection failed.",
            q(f"sum(1 - {s('mmied_collector_success')})"),
            steps=looks.ANY_IS_BAD,
        ),
    ],
)

SPEED = Section(
    title="How fast is the host itself?",
    collapsed=False,
    panels=[
        series_panel(
            "Reference workloads",
            "Median time of the fixed workloads that run beside every model: they tell a slow host from a slow model.",
            q(
                f"max by (device, workload, instance) ({s('mmied_reference_seconds')})",
                "{{workload}} on {{device}} of {{instance}}",
            ),
            unit="s",
            links=LINKS,
        ),
        series_panel(
            "Change of the reference workloads",
            "Change against their baseline, positive is slower.",
            q(
                f"max by (device, workload, instance) ({s('mmied_host_slow_ratio')})",
                "{{workload}} on {{device}} of {{instance}}",
            ),
            unit="percentunit",
            minimum=None,
            no_value="Nothing judged",
            links=LINKS,
        ),
    ],
)

HOST = Section(
    title="Host",
    collapsed=False,
    panels=[
        series_panel(
            "CPU",
            "Share of CPU time that was not idle.",
            q(
                f"sum by (instance) (rate({s('mmied_host_cpu_busy_seconds_total')}[$__rate_interval]))"
                f" / max by (instance) ({s('mmied_host_cpus')})",
                ON,
            ),
            unit="percentunit",
            maximum=1,
        ),
        series_panel(
            "Memory",
            "Share of memory that is not available without swapping.",
            q(f"max by (instance) ({_used()})", ON),
            unit="percentunit",
            maximum=1,
        ),
        series_panel(
            "Somebody waits",
            "Share of time in which at least one task waited for the resource (PSI some).",
            q(
                "max by (resource, instance) "
                f"(rate({s('mmied_host_pressure_waiting_seconds_total')}[$__rate_interval]))",
                "{{resource}} on {{instance}}",
            ),
            unit="percentunit",
            no_value="No PSI in this kernel",
        ),
        series_panel(
            "Everybody waits",
            "Share of time in which all tasks waited for the resource (PSI full).",
            q(
                "max by (resource, instance) "
                f"(rate({s('mmied_host_pressure_stalled_seconds_total')}[$__rate_interval]))",
                "{{resource}} on {{instance}}",
            ),
            unit="percentunit",
            no_value="No PSI in this kernel",
        ),
    ],
)

MORE = Section(
    title="Host, more",
    panels=[
        series_panel(
            "Disks",
            "Bytes a second that the disks read and wrote.",
            q(
                f"sum by (direction, instance) (rate({s('mmied_host_disk_bytes_total')}[$__rate_interval]))",
                "{{direction}} on {{instance}}",
            ),
            unit="Bps",
            no_value="No disk figures",
        ),
        series_panel(
            "Network",
            "Bytes a second received and sent, loopback left out.",
            q(
                f"sum by (direction, instance) (rate({s('mmied_host_network_bytes_total')}[$__rate_interval]))",
                "{{direction}} on {{instance}}",
            ),
            unit="Bps",
        ),
        series_panel(
            "Load", "Load average over one minute.", q(f"max by (instance) ({s('mmied_host_load1')})", ON), unit="short"
        ),
        series_panel(
            "CPU frequency",
            "Mean frequency of the CPUs, where the kernel tells.",
            q(f"max by (instance) ({s('mmied_host_cpu_frequency_hertz')})", ON),
            unit="hertz",
            no_value=NO_SENSOR,
        ),
        series_panel(
            "Temperature",
            "Temperature of the host's sensors.",
            q(
                f"max by (sensor, instance) ({s('mmied_host_temperature_celsius')})",
                "{{sensor}} on {{instance}}",
            ),
            unit="celsius",
            no_value=NO_SENSOR,
        ),
        table_panel(
            "Collectors",
            "Where the figures come from: whether the last collection succeeded, and how long it took.",
            ("instance", "collector"),
            Column(
                title="succeeded",
                expr=f"min by (instance, collector) ({s('mmied_collector_success')})",
                mapped=looks.YES_IS_GOOD,
            ),
            Column(
                title="took",
                expr=f"max by (instance, collector) ({s('mmied_collector_duration_seconds')})",
                unit="s",
            ),
            links={"instance": looks.to_daemon("${__data.fields.instance}")},
            width=12,
        ),
    ],
)

PAGE = Page(
    uid="mmied-host",
    title="mmied / Host and GPU",
    about="The machine around the models: load, memory, pressure, reference workloads, GPUs.",
    since="now-6h",
    variables=[*daemons(), label("gpu", "GPU", "mmied_gpu_info", "job", "instance"), scheme()],
    annotations=[alerts(), events(), runs()],
    sections=[NOW, SPEED, HOST, *GPU, MORE],
)
