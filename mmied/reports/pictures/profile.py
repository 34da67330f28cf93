"""Draw whatever a profile has figures of."""

from matplotlib.figure import Figure

from mmied.profiles import Profile
from mmied.records import Workload
from mmied.reports.frames import FlameGraph
from mmied.reports.pictures.architecture import draw_architecture
from mmied.reports.pictures.attention import draw_attention
from mmied.reports.pictures.complexity import draw_complexity
from mmied.reports.pictures.costs import draw_categories, draw_kernels, draw_layers, draw_operators, draw_stages
from mmied.reports.pictures.flame import draw_flame
from mmied.reports.pictures.hardware import draw_usage
from mmied.reports.pictures.latency import draw_distribution, draw_ecdf
from mmied.reports.pictures.memory import draw_timeline
from mmied.reports.pictures.sweep import draw_sweep

MOST_ATTENTIONS = 6


def draw_profile(profile: Profile, *, flame: FlameGraph | None = None) -> dict[str, Figure]:
    """Return the pictures that `profile` has data for, by name; `flame` is a flame graph of the same model.

    Names: latency_distribution, latency_ecdf, batch_sweep, stages, memory_host, memory_device, layers, operators,
    kernels, categories, hardware, architecture, complexity, attention_<layer>, flame.
    """
    where = f"{profile.model} on {profile.host}, {profile.device}, {profile.precision}"
    if profile.device.startswith("cpu"):
        where += f", {profile.threads} thread{'' if profile.threads == 1 else 's'}"
    made: dict[str, Figure | None] = {
        "latency_distribution": draw_distribution(profile.results, where),
        "latency_ecdf": draw_ecdf(profile.results, where),
        "batch_sweep": draw_sweep(profile.results, profile.knees, profile.precision, where),
        "stages": draw_stages(profile.stages, where),
    }
    if profile.inspection is not None:
        made |= _inside(profile, f"{profile.model}, {_workload(profile.inspection.workload)}, {profile.device}")
    usage = profile.usage or (profile.inspection.usage if profile.inspection else None)
    made["hardware"] = draw_usage(usage, where) if usage else None
    made["flame"] = draw_flame(flame) if flame else None
    return {name: figure for name, figure in made.items() if figure is not None}


def _inside(profile: Profile, note: str) -> dict[str, Figure | None]:
    inspection = profile.inspection
    assert inspection is not None
    made: dict[str, Figure | None] = {}
    for timeline in inspection.timelines:
        made[f"memory_{timeline.space}"] = draw_timeline(timeline, note)
    if inspection.layers is not None:
        made["layers"] = draw_layers(inspection.layers, note)
        made["architecture"] = draw_architecture(inspection.layers, note)
        made["complexity"] = draw_complexity(inspection.layers, note)
    if inspection.operators is not None:
        made["operators"] = draw_operators(inspection.operators, note)
        made["kernels"] = draw_kernels(inspection.operators.kernels, note)
        made["categories"] = draw_categories(inspection.operators.category_seconds, note)
    for attention in inspection.attentions[:MOST_ATTENTIONS]:
        made[f"attention_{attention.layer}"] = draw_attention(attention)
    return made


def _workload(workload: Workload) -> str:
    return f"batch {workload.batch_size}" + (f", {workload.precision}" if workload.precision else "")
