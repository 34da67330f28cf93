"""What to prune, how much of it, and in how many steps."""

from dataclasses import dataclass

from mmied.errors import ModelError

METHODS = ("magnitude", "random", "structured")
MOST_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class PruningConfig:
    """Settings of a pruner; what cannot be is refused at once.

    - `magnitude`: the smallest weights become zero. Sparser, and neither quicker nor smaller in memory.
    - `random`: as many by chance, to tell what the choice is worth.
    - `structured`: whole channels go, and the layers become smaller and quicker.
    """

    method: str = "magnitude"
    amount: float = 0.3  # share of weights that are zero in the end; for structured, of channels that go
    pruning_dims: tuple[str, ...] | list[str] = ("weight",)  # shell patterns of parameter names in a module
    n_iterations: int = 1
    global_: bool = False  # the smallest of all layers together, or of each layer
    modules: tuple[str, ...] = ()  # shell patterns of submodule names; none: all that have weights of two dimensions
    seed: int = 0  # for the method random

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ModelError(f"method: {self.method!r} is not known. Take one of {', '.join(METHODS)}.")
        if isinstance(self.amount, bool) or not isinstance(self.amount, int | float) or not 0 < self.amount < 1:
            raise ModelError(
                f"amount: {self.amount} is out of range: it is the share of weights to prune, above 0 and below 1, "
                "as 0.3 for 30 %"
            )
        if not isinstance(self.n_iterations, int) or not 1 <= self.n_iterations <= MOST_STEPS:
            raise ModelError(f"n_iterations: {self.n_iterations} is out of range: take 1 to {MOST_STEPS} steps")
        for name in ("pruning_dims", "modules"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ModelError(f"{name}: write a list of names, [{value!r}], not one text")
            object.__setattr__(self, name, tuple(value))
        if not self.pruning_dims:
            raise ModelError("pruning_dims: is empty, so that nothing would be pruned. Take ['weight'].")

    def settings(self) -> dict[str, object]:
        """Return the settings as JSON can hold them."""
        return {
            "method": self.method,
            "amount": self.amount,
            "pruning_dims": list(self.pruning_dims),
            "n_iterations": self.n_iterations,
            "global": self.global_,
            "modules": list(self.modules),
        }


def amount_at(step: int, config: PruningConfig) -> float:
    """Return the share to be pruned after `step` (from 1) of the steps: each takes the same share of what is left."""
    if step == config.n_iterations:
        return config.amount
    return float(1 - (1 - config.amount) ** (step / config.n_iterations))
