"""Name the ways in which a model is called."""

from mmied.config.units import format_duration
from mmied.records import Workload


def make_workload(batch_size: int, gap_seconds: float) -> Workload:
    """Return the workload of a batch size, with a pause between calls or none: b8, b8-gap100ms."""
    paced = f"-gap{format_duration(gap_seconds)}" if gap_seconds else ""
    return Workload(scenario=f"b{batch_size}{paced}", batch_size=batch_size, gap_seconds=gap_seconds)
