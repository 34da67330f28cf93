"""Draw profiles, comparisons and trainings as PNG, SVG or PDF, with matplotlib from the extra `pictures`."""

from mmied.errors import MmiedError

try:
    import matplotlib  # noqa: F401 - asked for here, so that each way into this package says what is missing
except ModuleNotFoundError as error:
    raise MmiedError(
        "pictures are drawn with matplotlib, which is not installed. Try: pip install 'mmied[pictures]'"
    ) from error

from mmied.reports.pictures.attention import draw_attention
from mmied.reports.pictures.comparison import draw_comparison
from mmied.reports.pictures.profile import draw_profile
from mmied.reports.pictures.saving import save
from mmied.reports.pictures.training import draw_training

__all__ = ["draw_attention", "draw_comparison", "draw_profile", "draw_training", "save"]
