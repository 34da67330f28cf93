"""The configuration, mmied.yaml: all of it, or all of its mistakes."""

from mmied.config.loading import Config, Labelled, Model, Optimize, Unit, load_config
from mmied.config.schedule import Cron, Every
from mmied.config.schema import Admission, Artifacts, Budget, Hardware, History, Http, Regressions

__all__ = [
    "Admission",
    "Artifacts",
    "Budget",
    "Config",
    "Cron",
    "Every",
    "Hardware",
    "History",
    "Http",
    "Labelled",
    "Model",
    "Optimize",
    "Regressions",
    "Unit",
    "load_config",
]
