"""Keep each submodule of a model in the mode that it was in: training, or evaluation."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class TrainingFlags:
    """Which submodules of a model were in training mode, by name: "" is the model itself."""

    by_name: dict[str, bool]

    def restore(self, model: nn.Module) -> None:
        """Put the flags back; a submodule that is new gets its parent's."""
        for name, module in model.named_modules():
            known = name
            while known not in self.by_name and known:
                known = known.rpartition(".")[0]
            module.training = self.by_name.get(known, False)


def training_flags(model: nn.Module) -> TrainingFlags:
    """Return the flags of `model` and its submodules."""
    return TrainingFlags(
        {name: module.training for name, module in model.named_modules() if hasattr(module, "training")}
    )
