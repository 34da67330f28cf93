"""The daemon family of metrics: what mmied itself is, does and costs."""

import platform
from collections.abc import Iterator
from contextlib import suppress

from mmied import __version__
from mmied.daemon.samples import Sample
from mmied.daemon.view import View
from mmied.errors import HistoryError

LEVELS = ("debug", "info", "warning", "error", "critical")


def daemon_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of the daemon family."""
    yield Sample("mmied_build_info", (__version__, platform.python_version(), view.torch_version or ""), 1)
    yield Sample("mmied_config_last_reload_successful", (), float(view.config_error is None))
    yield Sample("mmied_config_last_reload_success_timestamp_seconds", (), view.config_loaded_at)
    yield Sample("mmied_config_reloads_total", (), view.tally.reloads)
    yield Sample("mmied_config_reload_failures_total", (), view.tally.reload_failures)
    for level in LEVELS:
        yield Sample("mmied_log_messages_total", (level,), view.log_messages.get(level, 0))
    jobs = sum(1 + (plan.inspection is not None) + (plan.search is not None) for plan in view.plans.values())
    yield Sample("mmied_scheduler_jobs", (), jobs)
    if view.lag_seconds is not None:
        yield Sample("mmied_scheduler_lag_seconds", (), view.lag_seconds)
    yield Sample("mmied_overhead_cpu_seconds_total", ("daemon",), view.daemon_cpu_seconds)
    yield Sample("mmied_overhead_cpu_seconds_total", ("worker",), view.tally.worker_cpu_seconds)
    yield Sample("mmied_overhead_cpu_budget_ratio", (), view.config.budget.cpu_ratio)
    for resource, funds in (("cpu", view.cpu), ("gpu", view.gpu)):
        if funds is not None:
            yield Sample("mmied_budget_tokens_seconds", (resource,), funds.tokens_seconds)
            yield Sample("mmied_budget_demand_ratio", (resource,), funds.demand_ratio)
    if view.worker_peak_bytes is not None:
        yield Sample("mmied_worker_memory_max_bytes", (), view.worker_peak_bytes)
    with suppress(HistoryError):  # a PostgreSQL server may be away; the counters below tell
        yield Sample("mmied_store_size_bytes", (), view.history.size_bytes())
    if view.config.history.url is None:  # the limit is not for PostgreSQL
        yield Sample("mmied_store_size_limit_bytes", (), view.config.history.max_size_bytes)
    yield Sample("mmied_store_writes_total", (), view.history.writes)
    yield Sample("mmied_store_write_failures_total", (), view.history.write_failures)
    yield Sample("mmied_store_pruned_rows_total", (), view.history.pruned_rows)
    told = view.notifications
    for kind in {target.kind for target in view.config.notify}:
        yield Sample("mmied_notifications_total", (kind,), told.sent[kind])
        yield Sample("mmied_notification_failures_total", (kind,), told.failures[kind])
        yield Sample("mmied_notifications_waiting", (kind,), told.waiting[kind])
    if view.hardware is not None:
        for name, state in view.hardware.collectors.items():
            yield Sample("mmied_collector_duration_seconds", (name,), state.duration_seconds)
            yield Sample("mmied_collector_success", (name,), float(state.success))
