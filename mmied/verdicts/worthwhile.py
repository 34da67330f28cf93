"""What change of a metric is worth telling, and how the detector is set for it."""

from mmied.regression import METRICS, SeriesKey
from mmied.verdicts.guards import BOUNDS, MAX_ACCURACY_DROP
from mmied.verdicts.series import DetectorSettings

WINDOW = 120  # points of a series that are judged
LEAST_RATIO = {  # below which a change of these is nobody's concern, however sure
    "latency_p95": 0.05,
    "latency_p99": 0.05,
    "peak_memory": 0.05,
    "first_call": 0.2,
    "load_time": 0.2,
    "reference_compute": 0.05,
    "reference_memory": 0.05,
    "reference_interpreter": 0.05,
}
LEAST_CHANGE = {  # the same in the metric's unit
    "peak_memory": 4 << 20,
    "first_call": 0.02,
    "load_time": 0.02,
    "accuracy": MAX_ACCURACY_DROP,
}
# What a burst of others' work makes longer whatever is done about it, and a run seconds later may meet the same burst.
# A model's median is held against references that met it too, and memory does not mind others.
EXPOSED = (
    *("latency_p95", "latency_p99", "throughput", "first_call", "load_time"),
    *("reference_compute", "reference_memory", "reference_interpreter"),
)
EXPOSED_SECONDS = 60.0
PLAIN = ("output_drift", "accuracy")  # judged by differences, not by ratios


def drift_bound(dtype: str | None) -> float:
    """Return how far outputs may be from those recorded first without counting as others: what rounding does."""
    bound = BOUNDS["exact" if dtype == "float32" else "reduced"].relative_l2
    assert bound is not None
    return bound


def settings_of(
    key: SeriesKey, *, minimum_ratio: float, false_alarms_per_run: float, dtype: str | None = None
) -> DetectorSettings:
    """Return what is worth telling of a series; `dtype` is its model's."""
    kind = METRICS[key.metric]
    plain = key.metric in PLAIN
    drifts = key.metric == "output_drift"
    return DetectorSettings(
        minimum_ratio=0.0 if plain else max(minimum_ratio, LEAST_RATIO.get(key.metric, 0.0)),
        minimum_change=drift_bound(dtype) if drifts else LEAST_CHANGE.get(key.metric, 0.0),
        false_alarms_per_run=false_alarms_per_run,
        better=kind.better,
        scale="plain" if plain else "log",
        window=WINDOW,
        least_seconds=EXPOSED_SECONDS if key.metric in EXPOSED else 0.0,
    )
