"""What prometheus_client makes of our metrics: the reference that our own exposition is held against."""

from collections.abc import Callable, Iterator

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
from mmied.daemon.exporter import Exporter
from mmied.daemon.exposition import BOUNDS
from mmied.daemon.samples import Distribution, Quantiles, Sample
from mmied.daemon.view import View


class Registry(CollectorRegistry, Collector):
    """A registry with our metrics alone."""

    def __init__(self, view: Callable[[], View]) -> None:
        super().__init__(auto_describe=False)
        self._exporter = Exporter(view)
        self.register(_Collector(self._exporter))

    def render(self, *, openmetrics: bool) -> bytes:
        """Return our own exposition."""
        return self._exporter.render(openmetrics=openmetrics)


class _Collector(Collector):
    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def describe(self) -> Iterator[Metric]:
        """Return the catalog's metrics without samples, so that registering does not take a view."""
        return (_family(row) for row in catalog.METRICS if not row.reserved)

    def collect(self) -> Iterator[Metric]:
        for row, samples in self._exporter.samples():
            family = _family(row)
            for sample in samples:
                _add(family, sample)
            yield family


def make_registry(view: Callable[[], View]) -> Registry:
    """Return a registry with our metrics alone."""
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
