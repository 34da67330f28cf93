"""What is known beforehand, as tables: metrics, reasons, events; exporter, docs and tests read them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as Prometheus sees it. A reserved one has its name and meaning, and nothing that exports it yet."""

    name: str
    type: Literal["gauge", "counter", "summary", "histogram", "info"]
    labels: tuple[str, ...]
    help: str
    reserved: bool = False

    @property
    def family(self) -> str:
        """The name without `_total` and `_info`, as prometheus_client wants it."""
        return self.name.removesuffix("_total") if self.type == "counter" else self.name.removesuffix("_info")


FAILURE_REASONS = {
    "load": "the model could not be opened, trusted or fed",
    "compile": "the model could not be compiled",
    "out_of_memory": "the worker met its memory limit or the device's",
    "timeout": "the run outlasted its time limit",
    "bad_output": "the outputs were not finite or not of a known kind",
    "killed": "the worker died by a signal, or the daemon died under it",
    "internal": "the forward pass raised, or mmied has a bug",
}

SKIP_REASONS = {
    "busy_cpu": "other work waits for the CPUs",
    "busy_gpu": "other work uses the GPU",
    "low_memory": "memory or its pressure leaves no room",
    "busy_io": "other work waits for the disks",
    "overlap": "another run holds the device",
    "misfire": "the planned time passed while the daemon was down or the clock jumped",
    "budget": "the CPU or GPU budget is spent",
    "paused": "the model is quarantined",
}

EVENT_KINDS = {
    "model_changed": "a model file changed on disk",
    "runtime_changed": "torch or a library changed its version",
    "driver_changed": "the GPU driver changed",
    "clocks_changed": "governor, clocks or power limits changed, or what holds the clocks down",
    "limits_changed": "cgroup limits, CPU affinity or niceness of the runs changed",
    "settings_changed": "threads, dtype, device, inputs or the threads' wait policy changed",
    "config_reloaded": "a new configuration took effect",
    "baseline_accepted": "somebody accepted what a model's figures are now as its new normal",
    "baseline_pinned": "somebody pinned a model's baseline to a saved profile",
    "baseline_reset": "somebody had a model's baseline learned anew",
    "host_changed": "kernel, CPUs or memory changed, or the clock jumped",
}

QUANTILES = (0.5, 0.95, 0.99)  # published where the sample supports them
HISTOGRAM_BOUNDS_SECONDS = tuple(round(10 ** (-4 + step / 5), 9) for step in range(26))  # 0.1 ms to 10 s, 5 a decade

# fmt: off
METRICS = (
    # daemon
    Metric("mmied_build_info", "info", ("version", "python_version", "torch_version"), "Build and runtime versions of the running daemon."),
    Metric("mmied_config_last_reload_successful", "gauge", (), "Whether the last configuration load or reload succeeded (1) or failed and the previous configuration is still in use (0)."),
    Metric("mmied_config_last_reload_success_timestamp_seconds", "gauge", (), "Unix time of the last successful configuration load."),
    Metric("mmied_config_reloads_total", "counter", (), "Configuration reloads attempted since start."),
    Metric("mmied_config_reload_failures_total", "counter", (), "Configuration reloads rejected since start."),
    Metric("mmied_log_messages_total", "counter", ("level",), "Log messages emitted by the daemon, by level."),
    Metric("mmied_scheduler_jobs", "gauge", (), "Jobs currently scheduled."),
    Metric("mmied_scheduler_lag_seconds", "gauge", (), "Delay between the planned and the actual start of the most recently started job."),
    Metric("mmied_overhead_cpu_seconds_total", "counter", ("component",), "CPU time used by mmied itself; component is daemon or worker."),
    Metric("mmied_overhead_cpu_budget_ratio", "gauge", (), "Configured ceiling of mmied CPU use as a fraction of all host CPUs (0-1)."),
    Metric("mmied_worker_memory_max_bytes", "gauge", (), "Highest resident memory of the last profile worker process."),
    Metric("mmied_store_size_bytes", "gauge", (), "Size on disk of the history store including its write-ahead log."),
    Metric("mmied_store_size_limit_bytes", "gauge", (), "Configured ceiling of the history store."),
    Metric("mmied_store_writes_total", "counter", (), "Transactions committed to the history store."),
    Metric("mmied_store_write_failures_total", "counter", (), "Transactions that failed to commit to the history store."),
    Metric("mmied_store_pruned_rows_total", "counter", (), "Rows removed from the history store by retention."),
    Metric("mmied_collector_duration_seconds", "gauge", ("collector",), "Time taken by the last collection of a hardware collector."),
    Metric("mmied_collector_success", "gauge", ("collector",), "Whether the last collection of a hardware collector succeeded."),
    Metric("mmied_budget_demand_ratio", "gauge", ("resource",), "CPU or GPU time that the schedule asks for over what the budget gives; above 1 runs are put off. resource is cpu or gpu."),
    Metric("mmied_budget_tokens_seconds", "gauge", ("resource",), "Seconds of CPU or GPU time that the budget holds at present; below 0 is owed. resource is cpu or gpu."),
    Metric("mmied_notifications_total", "counter", ("target",), "Messages about alarms that a target took; target is webhook, alertmanager or apprise."),
    Metric("mmied_notification_failures_total", "counter", ("target",), "Attempts to send a message that failed, by kind of target; it is tried again."),
    Metric("mmied_notifications_waiting", "gauge", ("target",), "Messages that wait for a target to take them."),
    # profile
    Metric("mmied_model_info", "info", ("model", "revision", "format", "dtype"), "Identity of the artefact a model name currently points to; revision is the first 12 hex digits of its SHA-256."),
    Metric("mmied_model_parameters", "gauge", ("model",), "Number of parameters of the model."),
    Metric("mmied_model_artifact_size_bytes", "gauge", ("model",), "Size on disk of the model artefact."),
    Metric("mmied_profile_info", "info", ("model", "scenario", "device", "batch_size", "compile_mode", "threads"), "Settings of a profile scenario."),
    Metric("mmied_profile_interval_seconds", "gauge", ("model", "scenario"), "Planned time between runs of the scenario."),
    Metric("mmied_profile_next_run_timestamp_seconds", "gauge", ("model", "scenario"), "Unix time at which the scenario is planned to run next."),
    Metric("mmied_profile_last_run_timestamp_seconds", "gauge", ("model", "scenario"), "Unix time at which the last run of the scenario ended, whatever its result."),
    Metric("mmied_profile_last_success_timestamp_seconds", "gauge", ("model", "scenario"), "Unix time at which the last successful run of the scenario ended."),
    Metric("mmied_profile_last_run_successful", "gauge", ("model", "scenario"), "Whether the last run of the scenario succeeded."),
    Metric("mmied_profile_last_run_contended", "gauge", ("model", "scenario"), "Whether the last run was marked contended by other load and kept out of the baseline."),
    Metric("mmied_profile_consecutive_failures", "gauge", ("model", "scenario"), "Failed runs since the last successful one."),
    Metric("mmied_profile_runs_total", "counter", ("model", "scenario"), "Runs started."),
    Metric("mmied_profile_run_failures_total", "counter", ("model", "scenario", "reason"), "Runs that failed; reason is one of load, compile, out_of_memory, timeout, bad_output, killed, internal."),
    Metric("mmied_profile_runs_skipped_total", "counter", ("model", "scenario", "reason"), "Planned runs that were not started; reason is one of busy_cpu, busy_gpu, low_memory, busy_io, overlap, misfire, budget, paused."),
    Metric("mmied_profile_last_run_duration_seconds", "gauge", ("model", "scenario"), "Wall time of the last run, all phases."),
    Metric("mmied_profile_phase_duration_seconds", "gauge", ("model", "scenario", "phase"), "Wall time of a phase of the last run; phase is one of load, compile, warmup, measure."),
    Metric("mmied_profile_latency_seconds", "summary", ("model", "scenario"), "Latency of one forward pass. Quantiles are exact over the last successful run; sum and count accumulate over all runs since start."),
    Metric("mmied_profile_iteration_duration_seconds", "histogram", ("model", "scenario"), "Distribution of forward-pass latency over all runs since start."),
    Metric("mmied_profile_throughput_samples_per_second", "gauge", ("model", "scenario"), "Samples processed per second in the measure phase of the last successful run."),
    Metric("mmied_profile_latency_noise_ratio", "gauge", ("model", "scenario"), "Median absolute deviation over median of latency in the last successful run."),
    Metric("mmied_profile_peak_memory_bytes", "gauge", ("model", "scenario", "space"), "Peak memory in the last successful run; space is host or device."),
    Metric("mmied_profile_cpu_seconds", "gauge", ("model", "scenario"), "CPU time used by the last successful run."),
    Metric("mmied_profile_contended_ratio", "gauge", ("model", "scenario"), "Share of iterations of the last run in which a thread of ours waited for a CPU or the device was shared."),
    Metric("mmied_profile_wall_latency_seconds", "summary", ("model", "scenario"), "Latency quantiles over all iterations of the last successful run, contended ones included."),
    Metric("mmied_profile_latency_max_seconds", "gauge", ("model", "scenario"), "Slowest clean iteration of the last successful run."),
    Metric("mmied_profile_samples", "gauge", ("model", "scenario"), "Clean iterations behind the quantiles of the last successful run."),
    Metric("mmied_profile_load_seconds", "gauge", ("model",), "Time to open the model in a fresh process, last run."),
    Metric("mmied_profile_first_call_seconds", "gauge", ("model", "scenario"), "Time of the first forward pass in a fresh process, last run."),
    Metric("mmied_profile_items_per_second", "gauge", ("model", "scenario", "unit"), "Throughput in the model's own unit (tokens, images, requests)."),
    Metric("mmied_profile_memory_bytes", "gauge", ("model", "scenario", "space", "statistic"), "Memory in the last successful run; statistic is peak, average or activation."),
    Metric("mmied_profile_memory_fragmentation_ratio", "gauge", ("model", "scenario"), "Inactive split bytes over reserved bytes of the device allocator: what cannot be given back."),
    Metric("mmied_model_flops", "gauge", ("model", "scenario"), "Floating point operations of one forward pass, a multiply-add counting two, as far as they can be counted."),
    Metric("mmied_profile_layer_seconds", "gauge", ("model", "scenario", "layer"), "Own time of the ten costliest layers in one forward pass, last inspection."),
    Metric("mmied_reference_seconds", "gauge", ("device", "workload"), "Median time of a reference workload in the last run on the device; workload is compute, memory or interpreter."),
    Metric("mmied_output_drift_ratio", "gauge", ("model",), "Distance of the model's outputs on its golden inputs from those recorded at the baseline, 0 is equal."),
    Metric("mmied_profile_energy_joules", "gauge", ("model", "scenario"), "GPU energy used by the measure phase of the last successful run."),
    Metric("mmied_profile_operator_seconds", "gauge", ("model", "scenario", "category"), "Self time of operators in one forward pass by bounded category, last inspection; category is one of attention, convolution, normalisation, matmul, elementwise, memory, other."),
    Metric("mmied_profile_quarantined", "gauge", ("model",), "Whether the model is set aside because its runs killed the daemon twice."),
    Metric("mmied_profile_pooled_runs", "gauge", ("model", "scenario"), "Runs whose samples stand behind the quantiles: above 1, earlier runs under the same fingerprint were pooled."),
    Metric("mmied_profile_captured_seconds", "gauge", ("model", "scenario"), "CUDA: median time of the forward pass replayed as a CUDA graph, free of launch cost; absent where it cannot be captured."),
    Metric("mmied_model_flops_coverage_ratio", "gauge", ("model", "scenario"), "Share of operators' time that was spent in operators whose arithmetic can be counted."),
    # inspection
    Metric("mmied_inspection_interval_seconds", "gauge", ("model",), "Planned time between inspections of the model; absent where it is never inspected."),
    Metric("mmied_inspection_runs_total", "counter", ("model",), "Inspections started."),
    Metric("mmied_inspection_run_failures_total", "counter", ("model",), "Inspections that failed."),
    Metric("mmied_inspection_last_success_timestamp_seconds", "gauge", ("model",), "Unix time at which the last successful inspection of the model ended."),
    Metric("mmied_inspection_failed_passes", "gauge", ("model",), "Passes of the last successful inspection that failed by themselves."),
    # regression
    Metric("mmied_baseline_latency_seconds", "summary", ("model", "scenario"), "Latency quantiles of the baseline the last run was compared with."),
    Metric("mmied_baseline_runs", "gauge", ("model", "scenario"), "Runs that make up the baseline."),
    Metric("mmied_baseline_timestamp_seconds", "gauge", ("model", "scenario"), "Unix time since which the baseline holds: of its first run, or of its acceptance."),
    Metric("mmied_objective_latency_seconds", "summary", ("model", "scenario"), "Latency objective configured for the scenario, if any."),
    Metric("mmied_regression_active", "gauge", ("model", "scenario", "metric"), "Whether the scenario is in a confirmed regression of the metric."),
    Metric("mmied_regression_change_ratio", "gauge", ("model", "scenario", "metric"), "Change of the metric against its baseline, signed so that positive is worse (0.1 is 10% worse)."),
    Metric("mmied_regression_threshold_ratio", "gauge", ("model", "scenario", "metric"), "Change at which the metric counts as regressed."),
    Metric("mmied_regressions_total", "counter", ("model", "scenario", "metric"), "Regressions confirmed."),
    Metric("mmied_regression_cause", "gauge", ("model", "scenario", "metric", "cause"), "Cause class of the active regression: model, environment, host, contention or unknown."),
    Metric("mmied_detector_minimum_change_ratio", "gauge", ("model", "scenario", "metric"), "Smallest change that the detector finds with 95% power within three runs, from this series' own noise."),
    Metric("mmied_detector_state", "gauge", ("model", "scenario", "metric", "state"), "1 for the state that a judged series is in: learning, stable, suspect, regressed, recovered, too_noisy. Of figures other than the median latency it is absent while they are stable."),
    Metric("mmied_objective_value", "gauge", ("model", "scenario", "metric"), "Objective configured for a metric, in its own unit."),
    Metric("mmied_objective_headroom_ratio", "gauge", ("model", "scenario", "metric"), "How far the metric is on the good side of its objective, over the objective; below 0 it is missed."),
    Metric("mmied_objective_missed", "gauge", ("model", "scenario", "metric"), "Whether the objective is missed; absent where what was measured is too little to say."),
    Metric("mmied_objective_time_left_seconds", "gauge", ("model", "scenario", "metric"), "Time until the objective is crossed if the trend goes on; absent without a trend towards it."),
    Metric("mmied_trend_ratio_per_week", "gauge", ("model", "scenario", "metric", "bound"), "Slow change of the metric per week over its level, positive is worse; bound is estimate, lower or upper of the 95% interval."),
    Metric("mmied_host_slow", "gauge", ("device", "workload"), "Whether a reference workload is in a confirmed regression: the host itself is slower."),
    Metric("mmied_host_slow_ratio", "gauge", ("device", "workload"), "Change of a reference workload against its baseline, positive is slower."),
    Metric("mmied_output_drift_bound_ratio", "gauge", ("model",), "Drift of the outputs above which they count as others."),
    Metric("mmied_events_total", "counter", ("kind",), "Rows that the daemon added to the change ledger since its start; the kinds are below."),
    # optimization
    Metric("mmied_optimization_runs_total", "counter", ("model",), "Parts of searches for optimizations that were started."),
    Metric("mmied_optimization_run_failures_total", "counter", ("model",), "Parts of searches for optimizations that failed."),
    Metric("mmied_candidate_verdict", "gauge", ("model", "candidate", "verdict"), "1 for the standing verdict of the candidate: helps, does_not_help, cannot_tell, not_tried."),
    Metric("mmied_candidate_speedup_ratio", "gauge", ("model", "candidate", "bound"), "Paired speed-up over the baseline at the batch size that the verdict rests on; bound is estimate, lower or upper of the 95% interval."),
    Metric("mmied_candidate_memory_ratio", "gauge", ("model", "candidate"), "Peak memory relative to the baseline."),
    Metric("mmied_candidate_size_ratio", "gauge", ("model", "candidate"), "Size on disk relative to the baseline."),
    Metric("mmied_candidate_fidelity", "gauge", ("model", "candidate", "measure"), "Agreement of outputs with the baseline; measure is cosine (of the worst sample), top1_agreement, relative_l2 or max_relative_error (the largest difference over the largest output)."),
    Metric("mmied_candidate_accuracy_change", "gauge", ("model", "candidate", "bound"), "Task accuracy minus the baseline's, on the user's evaluation data; bound as above."),
    Metric("mmied_candidate_last_tried_timestamp_seconds", "gauge", ("model", "candidate"), "Unix time at which the candidate was last compared."),
    # hardware
    Metric("mmied_host_cpu_busy_seconds_total", "counter", (), "CPU time spent not idle, summed over CPUs."),
    Metric("mmied_host_cpus", "gauge", (), "Logical CPUs online."),
    Metric("mmied_host_cpu_utilization_ratio", "gauge", (), "Share of CPU time not idle over the last sampling interval."),
    Metric("mmied_host_cpu_frequency_hertz", "gauge", (), "Mean current CPU frequency, where the kernel tells."),
    Metric("mmied_host_disk_bytes_total", "counter", ("direction",), "Bytes read and written by the host's disks."),
    Metric("mmied_host_network_bytes_total", "counter", ("direction",), "Bytes received and sent, loopback left out."),
    Metric("mmied_host_load1", "gauge", (), "Load average over one minute."),
    Metric("mmied_host_memory_total_bytes", "gauge", (), "Physical memory."),
    Metric("mmied_host_memory_available_bytes", "gauge", (), "Memory available without swapping."),
    Metric("mmied_host_pressure_waiting_seconds_total", "counter", ("resource",), "Time in which at least one task waited for the resource (PSI some)."),
    Metric("mmied_host_pressure_stalled_seconds_total", "counter", ("resource",), "Time in which all non-idle tasks waited for the resource (PSI full)."),
    Metric("mmied_host_temperature_celsius", "gauge", ("sensor",), "Temperature of a host sensor."),
    Metric("mmied_gpu_info", "info", ("gpu", "uuid", "name", "driver_version"), "Identity of a GPU."),
    Metric("mmied_gpu_utilization_ratio", "gauge", ("gpu",), "Fraction of the sample period in which a kernel ran (NVML utilization.gpu / 100)."),
    Metric("mmied_gpu_memory_used_bytes", "gauge", ("gpu",), "Device memory in use."),
    Metric("mmied_gpu_memory_total_bytes", "gauge", ("gpu",), "Device memory installed."),
    Metric("mmied_gpu_power_watts", "gauge", ("gpu",), "Power draw."),
    Metric("mmied_gpu_power_limit_watts", "gauge", ("gpu",), "Enforced power limit."),
    Metric("mmied_gpu_energy_joules_total", "counter", ("gpu",), "Energy used since the driver was loaded."),
    Metric("mmied_gpu_temperature_celsius", "gauge", ("gpu",), "GPU core temperature."),
    Metric("mmied_gpu_clock_hertz", "gauge", ("gpu", "clock"), "Clock frequency; clock is sm or memory."),
    Metric("mmied_gpu_throttle_active", "gauge", ("gpu", "reason"), "Whether clocks are held down for the reason (power_cap, thermal_sw, thermal_hw, power_brake)."),
    Metric("mmied_gpu_ecc_uncorrected_errors_total", "counter", ("gpu",), "Uncorrected ECC errors since the driver was loaded."),
    Metric("mmied_gpu_compute_processes", "gauge", ("gpu",), "Processes with a compute context on the GPU, mmied's own left out."),
)
# fmt: on

BY_NAME = {metric.name: metric for metric in METRICS}
