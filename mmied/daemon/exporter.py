"""Export the latest records to Prometheus: fresh metrics at each scrape, no gauges kept."""

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from mmied import catalog
from mmied.daemon.export_daemon import daemon_samples
from mmied.daemon.export_hardware import hardware_samples
from mmied.daemon.export_profile import profile_samples
from mmied.daemon.samples import Distribution, Quantiles, Sample
from mmied.daemon.view import View

log = logging.getLogger(__name__)

PARTS: tuple[Callable[[View], Iterable[Sample]], ...] = (daemon_samples, profile_samples, hardware_samples)


class Exporter(Collector):
    """Makes the metrics of the catalog from a view of the daemon. A part that fails is left out, and said so."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def describe(self) -> Iterator[Metric]:
        """Return the catalog's metrics without samples, so that registering does not take a view."""
        return (_family(row) for row in catalog.METRICS if not row.reserved)

    def collect(self) -> Iterator[Metric]:
        view = self._view()
        families = {row.name: _family(row) for row in catalog.METRICS if not row.reserved}
        for part in PARTS:
            name = part.__name__.removesuffix("_samples")
            try:
                samples = list(part(view))
            except Exception:
                # One broken record must not cost the operator all others, nor the scrape.
                log.exception("exporter_part_failed", extra={"part": name})
                families["mmied_collector_success"].add_metric([f"exporter_{name}"], 0)  # type: ignore[attr-defined]
                continue
            families["mmied_collector_success"].add_metric([f"exporter_{name}"], 1)  # type: ignore[attr-defined]
            for sample in samples:
                _add(families[sample.name], sample)
        return (family for family in families.values() if family.samples)


def make_registry(view: Callable[[], View]) -> CollectorRegistry:
    """Return a registry with the exporter alone: no process metrics of the Python client."""
    disable_created_metrics()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exporter(view))
    return registry


def _family(row: catalog.Metric) -> Metric:
    match row.type:
        case "gauge":
            return GaugeMetricFamily(row.name, row.help, labels=row.labels)
        case "counter":
            return CounterMetricFamily(row.family, row.help, labels=row.labels)
        case "info":
            return InfoMetricFamily(row.family, row.help, labels=())
        case "summary":
            return SummaryMetricFamily(row.name, row.help, labels=row.labels)
        case "histogram":
            return HistogramMetricFamily(row.name, row.help, labels=row.labels)


def _add(family: Metric, sample: Sample) -> None:
    labels = dict(zip(catalog.BY_NAME[sample.name].labels, sample.labels, strict=True))
    match sample.value:
        case Quantiles() as quantiles:
            for quantile, seconds in quantiles.seconds.items():
                family.add_sample(sample.name, {**labels, "quantile": quantile}, seconds)
            if quantiles.count is not None:
                family.add_sample(f"{sample.name}_count", labels, quantiles.count)
                family.add_sample(f"{sample.name}_sum", labels, quantiles.sum_seconds)
        case Distribution() as distribution:
            _add_buckets(family, sample.name, labels, distribution)
        case value if sample.name.endswith("_info"):
            family.add_sample(sample.name, labels, value)
        case value:
            family.add_sample(sample.name, labels, value)


def _add_buckets(family: Metric, name: str, labels: dict[str, str], distribution: Distribution) -> None:
    total = 0
    for index, count in enumerate(distribution.buckets):
        total += count
        bound = catalog.HISTOGRAM_BOUNDS_SECONDS[index] if index < len(distribution.buckets) - 1 else float("inf")
        run = distribution.exemplars.get(index)
        exemplar = Exemplar({"run_id": run[0]}, run[1], run[2]) if run else None
        text = "+Inf" if bound == float("inf") else repr(float(bound))
        family.add_sample(f"{name}_bucket", {**labels, "le": text}, total, exemplar=exemplar)
    family.add_sample(f"{name}_count", labels, total)
    family.add_sample(f"{name}_sum", labels, distribution.sum_seconds)
