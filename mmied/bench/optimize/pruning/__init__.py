"""Take weights or whole channels out of a model."""

from mmied.bench.optimize.pruning.config import PruningConfig
from mmied.bench.optimize.pruning.pruner import ModelPruner

__all__ = ["ModelPruner", "PruningConfig"]
