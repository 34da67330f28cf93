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
from mmied.daemon.export_inspection import inspection_samples
from mmied.daemon.export_objectives import objective_samples
from mmied.daemon.export_optimization import optimization_samples
from mmied.daemon.export_profile import profile_samples
from mmied.daemon.export_regression import regression_samples
from mmied.daemon.exposition import BOUNDS, render
from mmied.daemon.samples import Distribution, Quantiles, Sample
from mmied.daemon.view import View

log = logging.getLogger(__name__)

PARTS: tuple[Callable[[View], Iterable[Sample]], ...] = (
    daemon_samples,
    profile_samples,
    inspection_samples,
    optimization_samples,
    regression_samples,
    objective_samples,
    hardware_samples,
)


class Exporter(Collector):
    """Makes the metrics of the catalog from a view of the daemon. A part that fails is left out, and said so."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def describe(self) -> Iterator[Metric]:
        """Return the catalog's metrics without samples, so that registering does not take a view."""
        return (_family(row) for row in catalog.METRICS if not row.reserved)

    def collect(self) -> Iterator[Metric]:
        for row, samples in self._samples():
            family = _family(row)
            for sample in samples:
                _add(family, sample)
            yield family

    def render(self, *, openmetrics: bool) -> bytes:
        """Return what prometheus_client makes of `collect`, without it."""
        return render(self._samples(), openmetrics=openmetrics)

    def _samples(self) -> Iterator[tuple[catalog.Metric, list[Sample]]]:
        """Return the metrics that have samples now, in the order of the catalog."""
        view = self._view()
        found: dict[str, list[Sample]] = {row.name: [] for row in catalog.METRICS if not row.reserved}
        for part in PARTS:
            name = part.__name__.removesuffix("_samples")
            try:
                samples = list(part(view))
            except Exception:
                # One broken record must not cost the operator all others, nor the scrape.
                log.exception("exporter_part_failed", extra={"part": name})
                found["mmied_collector_success"].append(Sample("mmied_collector_success", (f"exporter_{name}",), 0))
                continue
            found["mmied_collector_success"].append(Sample("mmied_collector_success", (f"exporter_{name}",), 1))
            for sample in samples:
                found[sample.name].append(sample)
        return ((catalog.BY_NAME[name], samples) for name, samples in found.items() if samples)


class Registry(CollectorRegistry):
    """A registry with the exporter alone, no process metrics of the Python client, that renders itself as well."""

    def __init__(self, view: Callable[[], View]) -> None:
        super().__init__(auto_describe=False)
        self._exporter = Exporter(view)
        self.register(self._exporter)

    def render(self, *, openmetrics: bool) -> bytes:
        """Return the exposition that prometheus_client gives of this registry, in a sixth of the time."""
        return self._exporter.render(openmetrics=openmetrics)


def make_registry(view: Callable[[], View]) -> Registry:
    """Return a registry with the exporter alone."""
    disable_created_metrics()
    return Registry(view)


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
        case value:
            family.add_sample(sample.name, labels, value)


def _add_buckets(family: Metric, name: str, labels: dict[str, str], distribution: Distribution) -> None:
    total = 0
    for index, (bound, count) in enumerate(zip(BOUNDS, distribution.buckets, strict=True)):
        total += count
        run = distribution.exemplars.get(index)
        exemplar = Exemplar({"run_id": run[0]}, run[1], run[2]) if run else None
        family.add_sample(f"{name}_bucket", {**labels, "le": bound}, total, exemplar=exemplar)
    family.add_sample(f"{name}_count", labels, total)
    family.add_sample(f"{name}_sum", labels, distribution.sum_seconds)
