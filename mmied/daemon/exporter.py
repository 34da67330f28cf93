"""Export the latest records to Prometheus: fresh metrics at each scrape, no gauges kept."""

import logging
from collections.abc import Callable, Iterable, Iterator

from mmied import catalog
from mmied.daemon.export_daemon import daemon_samples
from mmied.daemon.export_hardware import hardware_samples
from mmied.daemon.export_inspection import inspection_samples
from mmied.daemon.export_objectives import objective_samples
from mmied.daemon.export_optimization import optimization_samples
from mmied.daemon.export_profile import profile_samples
from mmied.daemon.export_regression import regression_samples
from mmied.daemon.exposition import render
from mmied.daemon.samples import Sample
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


class Exporter:
    """Makes the metrics of the catalog from a view of the daemon. A part that fails is left out, and said so."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def render(self, *, openmetrics: bool) -> bytes:
        """Return all metrics in one of Prometheus' two text formats."""
        return render(self.samples(), openmetrics=openmetrics)

    def samples(self) -> Iterator[tuple[catalog.Metric, list[Sample]]]:
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
